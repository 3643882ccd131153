//! Runtime functions that the generated bindings call: memory for a list's lowered elements.
#![allow(
    unsafe_code,
    reason = "the bindings give such memory back by its layout, so it must come from the allocator itself"
)]

use core::alloc::Layout;
use core::ptr::NonNull;
use std::alloc::{alloc, dealloc, handle_alloc_error};

/// Frees the memory on drop unless it was handed over.
pub(crate) struct Cleanup {
    address: NonNull<u8>,
    layout: Layout,
}

impl Cleanup {
    /// Allocates memory: its address and its owner; no owner for a layout of size zero.
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

    /// Hands the memory over: the holder of the address must free it.
    pub(crate) fn forget(self) {
        core::mem::forget(self);
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout, and was neither handed over nor freed before.
        unsafe { dealloc(self.address.as_ptr(), self.layout) }
    }
}

/// The standard library of `wasm32-wasip2` exports the function that this call would keep linked.
pub(crate) fn maybe_link_cabi_realloc() {}
