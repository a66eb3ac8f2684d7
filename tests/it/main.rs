//! Every integration test, in one binary: one module per feature, test names are sentences.
