//! What the generated bindings call beside the standard library: memory for a list's lowered elements.
#![allow(
    unsafe_code,
    reason = "the bindings give such memory back by its layout, so it must come from the allocator itself"
)]

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::{alloc, dealloc, handle_alloc_error};

/// Gives the memory back when it is dropped, unless it was handed over.
pub(crate) struct Cleanup {
    address: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// The memory's address, and what holds it; nothing for a layout without size.
    pub(crate) fn new(layout: Layout) -> (*mut u8, Option<Self>) {
        if layout.size() == 0 {
            return (core::ptr::null_mut(), None);
        }
        // SAFETY: the layout has a size.
        let Some(address) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        (address.as_ptr(), Some(Self { address, layout }))
    }

    /// Hands the memory over: whoever has the address gives it back.
    pub(crate) fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and was neither handed over nor given back before.
        unsafe { dealloc(self.address.as_ptr(), self.layout) }
    }
}

/// The standard library of `wasm32-wasip2` exports the function that this would keep from being left out.
pub(crate) fn maybe_link_cabi_realloc() {}
