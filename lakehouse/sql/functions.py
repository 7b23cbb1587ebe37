"""Which parts of SQL a query may consist of: everything that is not listed here is refused.

Names are the class names of sqlglot's parse tree. A function is listed when its result on the embedded engine is what
Trino returns; functions that read files, settings, secrets or the engine's own catalog are left out on purpose.
"""

_CLAUSES = """
    Select Subquery Union Except Intersect With CTE TableAlias Table From Join Lateral Unnest Values Tuple Where Group
    GroupingSets Cube Rollup Having Order Ordered Limit LimitOptions Offset Fetch Distinct Window WindowSpec Filter
    WithinGroup IgnoreNulls RespectNulls TableSample Alias Column Identifier Star Literal Null Boolean Paren Dot Bracket
    Lambda Placeholder Var Interval DataType DataTypeParam ColumnDef Escape AtTimeZone HexString UnicodeString
    JSONPath JSONPathRoot JSONPathKey JSONPathSubscript JSONPathWildcard
"""

_OPERATORS = """
    Add Sub Mul Div Mod Neg And Or Not EQ NEQ LT LTE GT GTE Is In Between Like NullSafeEQ NullSafeNEQ DPipe All Any
    Exists Case If Cast TryCast BitwiseAnd BitwiseOr BitwiseXor BitwiseNot
"""

_NUMBERS = """
    Abs Ceil Floor Round Sqrt Cbrt Pow Exp Ln Log Sign Pi Trunc Greatest Least Degrees Radians Sin Cos Tan Asin Acos
    Atan Atan2 IsNan
"""

_TEXTS = """
    Upper Lower Length Concat ConcatWs Substring Trim Pad Replace Reverse Split SplitPart StrPosition StartsWith
    RegexpLike RegexpExtract RegexpExtractAll RegexpReplace Chr Levenshtein Hex Unhex MD5Digest SHA2Digest Encode Decode
    Translate Repeat ToBase64 FromBase64
"""

_TIMES = """
    CurrentDate CurrentTimestamp Localtimestamp Date Year Quarter Month Week WeekOfYear Day DayOfWeekIso DayOfYear
    DayOfMonth Hour Minute Second DateTrunc TimestampTrunc DateAdd DateDiff TimeToStr StrToTime UnixToTime TimeToUnix
    FromISO8601Date FromISO8601Timestamp LastDay Extract YearOfWeek
"""

_NESTED = """
    Coalesce Nullif Try Array ArraySize ArrayContains ArrayDistinct ArraySort ArrayToString ArrayMax ArrayMin
    ArrayPosition ArrayIntersect ArrayExcept ArrayRemove ArraySlice GenerateSeries Flatten ArrayFilter Transform
    ArrayOverlaps Map MapKeys MapFromEntries Struct JSONExtract JSONExtractScalar ParseJSON JSONFormat
"""

_AGGREGATES = """
    Count CountIf Sum Avg Min Max ArgMin ArgMax AnyValue LogicalAnd LogicalOr ApproxDistinct ApproxQuantile Stddev
    StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp RegrSlope RegrIntercept GroupConcat ArrayAgg
    Grouping
"""

_WINDOWS = """
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
"""

ALLOWED_NODES = frozenset(
    (_CLAUSES + _OPERATORS + _NUMBERS + _TEXTS + _TIMES + _NESTED + _AGGREGATES + _WINDOWS).split()
)

# Functions that sqlglot has no class for, with the name that the embedded engine knows them by.
ALLOWED_NAMES = {
    "any_match": "any_match",  # these four become other expressions, see dialect.py
    "all_match": "all_match",
    "none_match": "none_match",
    "at_timezone": "at_timezone",
    "arrays_overlap": "list_has_any",
    "codepoint": "unicode",
    "every": "bool_and",
    "geometric_mean": "geometric_mean",
    "hamming_distance": "hamming",
    "histogram": "histogram",
    "is_finite": "isfinite",
    "is_infinite": "isinf",
    "json_array_length": "json_array_length",
    "map_concat": "map_concat",
    "map_entries": "map_entries",
    "map_values": "map_values",
    "millisecond": "millisecond",
}
