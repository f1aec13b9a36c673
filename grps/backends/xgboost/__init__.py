"""XGBoost: boosters."""
