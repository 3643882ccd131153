//! Guests by hand, as the gateway's own tests have them: bodies of functions in WebAssembly's text, made a component of our world.

#[path = "../../gateway/src/plugin/tests/guests.rs"]
#[allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "written for tests, where all of it is used"
)]
mod by_hand;

use bytes::Bytes;

/// `handle` says: pass.
pub const PASS: &str = by_hand::PASS;
/// `handle` fails: internal, "no luck".
pub const FAIL: &str = by_hand::FAIL;

/// What a guest's exports do; what is not said is that of one that lets everything pass. Functions may call `$kind_of`, `$length`,
/// `$keys`, `$get`, `$get_many`, `$get_json`, `$find`, `$set`, `$set_json`, `$remove`, `$move`, `$redact`, `$retain`, `$drop`, `$log`,
/// `$settings`, `$now_ms`, `$stderr`, `$write` and `$open_anything`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guest<'a> {
    /// Pages of memory that it begins with; one where nothing is said.
    pub pages: Option<u32>,
    /// Further items of its module.
    pub items: &'a str,
    /// Leaves the address of a description on the stack: 0 is one.
    pub describe: Option<&'a str>,
    /// Leaves the address of a result on the stack: 64 is `ok`.
    pub check_settings: Option<&'a str>,
    /// Leaves the address of a result on the stack: [`PASS`], [`FAIL`]. It may use memory from 1024 to 4095, and further pages.
    pub handle: Option<&'a str>,
    /// What becomes of the documents that `handle` was lent.
    pub afterwards: Option<&'a str>,
    /// How it makes room for what it is given: leaves an address.
    pub realloc: Option<&'a str>,
}

impl Guest<'_> {
    /// It as a component of the world `hookgate:plugin/plugin`, called `guest`, 1.0.0.
    pub fn component(&self) -> Bytes {
        let like = by_hand::Guest::default();
        let guest = by_hand::Guest {
            pages: self.pages.unwrap_or(like.pages),
            items: self.items,
            describe: self.describe.unwrap_or(like.describe),
            check_settings: self.check_settings.unwrap_or(like.check_settings),
            handle: self.handle.unwrap_or(like.handle),
            afterwards: self.afterwards.unwrap_or(like.afterwards),
            realloc: self.realloc.unwrap_or(like.realloc),
            ..like
        };
        guest.component()
    }
}

/// A guest whose `handle` has this body, with these further items in its module.
pub fn handling(items: &str, handle: &str) -> Bytes {
    by_hand::handling(items, handle)
}
