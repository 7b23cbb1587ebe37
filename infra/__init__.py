"""What surrounds Carelake: its servers, sample, decisions and scripts. Nothing of the product imports it."""
