//! Data structures: what a key can hold. No keys, no clients, no clocks.
