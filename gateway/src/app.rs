//! The composition root: from a configuration to running parts, and to their orderly end. Imports everything; nothing imports
//! it but `cli`.

mod secrets;

pub use secrets::SecretsError;
