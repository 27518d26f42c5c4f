"""The tests are a package of that name here, since an installed library brings a package `tests` of its own."""
