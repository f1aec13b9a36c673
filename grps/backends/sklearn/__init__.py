"""scikit-learn: pickled estimators."""
