//! Entries keep what is put into them.
