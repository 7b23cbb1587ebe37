"""Control charts against limits and special causes that were worked out by hand from the formulas."""

import pytest

from dash_app import spc
from dash_app.spc import Control

STEADY = [9, 11] * 10  # of 100 cases each: 10 % on average, never twice on one side
HUNDREDS = [100] * 20


def causes_of_shares(events: list[int]) -> list[str]:
    control = spc.p_chart(events, [100] * len(events))
    assert control is not None
    return list(control.causes)


def causes_of_numbers(values: list[float]) -> list[str]:
    control = spc.xmr_chart(values)
    assert control is not None
    return list(control.causes)


def test_limits_of_a_share_are_three_binomial_deviations_of_each_period() -> None:
    control = spc.p_chart(STEADY, HUNDREDS)
    assert control is not None
    # 3 · √(0.1 · 0.9 / 100) = 0.09
    assert control.mean == pytest.approx(10)
    assert control.lower[0] == pytest.approx(1)
    assert control.upper[0] == pytest.approx(19)
    assert set(control.causes) == {""}


def test_limits_of_a_share_are_wider_for_a_small_period_and_end_at_0_and_100() -> None:
    control = spc.p_chart([*STEADY, 1, 90], [*HUNDREDS, 4, 100])
    assert control is not None
    mean = 291 / 2104
    assert control.mean == pytest.approx(100 * mean)
    assert control.lower[20] == 0
    assert control.upper[20] == pytest.approx(100 * (mean + 3 * (mean * (1 - mean) / 4) ** 0.5))
    high = spc.p_chart([97, 99] * 10, HUNDREDS)
    assert high is not None
    assert high.upper[0] == 100  # 98 + 4.2


def test_limits_of_a_number_are_2_66_mean_moving_ranges() -> None:
    control = spc.xmr_chart([10, 12] * 5)
    assert control is not None
    assert (control.mean, control.lower[0], control.upper[9]) == pytest.approx((11, 11 - 5.32, 11 + 5.32))
    assert set(control.causes) == {""}


@pytest.mark.parametrize(("last", "cause"), [(20, "outside the limits"), (19, "")])
def test_point_outside_the_limits_is_special(last: int, cause: str) -> None:
    # 20 of 100 make the mean 10.45 % and the upper limit 19.6 %; 19 of 100 make it 10.4 % and 19.56 %.
    assert causes_of_shares([*STEADY[:19], last]) == [""] * 19 + [cause]


def test_seven_on_one_side_are_special_and_six_are_not() -> None:
    below, above = [9, 6, 9, 6, 9, 6], [11, 14, 11, 14, 11, 14]
    assert causes_of_numbers([*below, *above, 11]) == [""] * 6 + ["seven in a row on one side of the mean"] * 7
    assert set(causes_of_numbers([*below, *above])) == {""}
    assert causes_of_numbers([11, *above, *below])[:7] == ["seven in a row on one side of the mean"] * 7


def test_seven_rising_or_falling_are_special_and_six_are_not() -> None:
    before = [9, 1, 9, 1, 9]
    assert causes_of_numbers([*before, 1, 2, 3, 4, 5, 6, 7]) == [""] * 5 + ["seven in a row rising or falling"] * 7
    assert set(causes_of_numbers([*before, 1, 2, 3, 4, 5, 6])) == {""}
    assert causes_of_numbers([1, 9, 1, 9, 1, 9, 8, 7, 6, 5, 4, 3])[5:] == ["seven in a row rising or falling"] * 7


def test_two_of_three_near_a_limit_are_special_and_one_is_not() -> None:
    # Two thirds of the way: 10.65 + 6.17 = 16.82 % with 17, 10, 17; 10.6 + 6.16 = 16.76 % with 17, 10, 16.
    steady = STEADY[:17]
    assert causes_of_shares([*steady, 17, 10, 17]) == [""] * 17 + [
        "two of three near a limit", "", "two of three near a limit",
    ]  # fmt: skip
    assert set(causes_of_shares([*steady, 17, 10, 16])) == {""}
    # One near the upper limit and one near the lower one are not two on one side.
    assert set(causes_of_shares([*steady, 17, 10, 4])) == {""}


def test_share_of_nothing_is_not_near_a_limit_that_was_cut_off_at_nothing() -> None:
    # 2 % of 100: two thirds of the way down would be -0.8 %.
    assert set(causes_of_shares([0, 0, 4, 4] * 5)) == {""}


def test_shares_that_equal_the_mean_are_on_no_side_whatever_rounding_does() -> None:
    control = spc.p_chart([1] * 12, [3] * 12)
    assert control is not None
    assert set(control.causes) == {""}
    assert set(causes_of_numbers([0.1] * 12)) == {""}


def test_fewer_than_ten_points_or_no_event_give_no_limits() -> None:
    assert spc.p_chart([1] * 9 + [0], [10] * 9 + [0]) is None
    assert spc.p_chart([0] * 12, [10] * 12) is None
    assert spc.xmr_chart([1.0] * 9) is None
    assert spc.p_chart([1] * 10, [10] * 10) is not None


def test_period_without_cases_is_a_gap_and_breaks_no_run() -> None:
    control = spc.p_chart([14, 6] * 6 + [11, 12] * 3 + [0, 11], [100] * 18 + [0, 100])
    assert control is not None
    assert (control.values[18], control.lower[18], control.upper[18], control.causes[18]) == (None, None, None, "")
    assert control.causes[12:] == tuple(["seven in a row on one side of the mean"] * 6 + [""] + [control.causes[12]])


def _control(values: list[float | None], causes: list[str], mean: float = 10) -> Control:
    limits = [None if v is None else (mean - 5, mean + 5) for v in values]
    return Control(
        tuple(values), mean, tuple(w and w[0] for w in limits), tuple(w and w[1] for w in limits), tuple(causes)
    )


@pytest.mark.parametrize(
    ("values", "cause", "better", "icon"),
    [
        ([10, 12], "", "low", "common"),
        ([10, 16], "outside the limits", "low", "worse_high"),
        ([10, 16], "outside the limits", "high", "better_high"),
        ([10, 4], "outside the limits", "low", "better_low"),
        ([10, 4], "outside the limits", "high", "worse_low"),
        ([10, 16], "outside the limits", "", "neutral_high"),
        ([8, 9], "seven in a row rising or falling", "low", "worse_high"),  # rises, though below the mean
        ([12, 11], "seven in a row rising or falling", "low", "better_low"),
        ([16, 12, None], "seven in a row on one side of the mean", "low", "worse_high"),
    ],
)
def test_variation_icon_is_of_the_newest_point(values: list[float | None], cause: str, better: str, icon: str) -> None:
    newest = max(i for i, v in enumerate(values) if v is not None)
    causes = [cause if i == newest else "" for i in range(len(values))]
    assert spc.variation(_control(values, causes), better) == icon


@pytest.mark.parametrize(
    ("target", "better", "icon"),
    [(16, "low", "passes"), (4, "low", "fails"), (4, "high", "passes"), (16, "high", "fails"),
     (10, "low", "hit_or_miss"), (15, "low", "hit_or_miss")],
)  # fmt: skip
def test_assurance_icon_tells_on_which_side_of_the_target_the_limits_lie(target: float, better: str, icon: str) -> None:
    assert spc.assurance(_control([10, 10], ["", ""]), target, better) == icon
    assert spc.assurance(_control([10, None], ["", ""]), target, better) == icon  # limits of the newest that has them


def test_every_icon_is_a_picture_with_words() -> None:
    for icon in spc.ICONS.values():
        assert icon.src.startswith("data:image/svg+xml;base64,")
        assert icon.text.startswith(("Variation: ", "Assurance: "))


def test_chart_tells_special_causes_by_shape_and_words_and_shows_a_target_only_if_there_is_one() -> None:
    events = [*STEADY[:19], 20]
    control = spc.p_chart(events, HUNDREDS)
    assert control is not None
    periods = [f"p{i}" for i in range(20)]
    points = next(t for t in spc.chart(periods, control)["data"] if t["name"] == "Value")
    assert points["marker"]["symbol"] == ["circle"] * 19 + ["diamond"]
    assert points["text"][18:] == ["common cause", "outside the limits"]
    assert "Target" not in {t["name"] for t in spc.chart(periods, control)["data"]}
    target = next(t for t in spc.chart(periods, control, target=15)["data"] if t["name"] == "Target")
    assert target["y"] == [15] * 20
