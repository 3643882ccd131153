//! Lists that are read newest first and both ways: attempts, deliveries and events.
//!
//! A list is never counted, and no page looks at more than a budget: one that ends so says that it is `partial`, and its cursor goes
//! on from there. A cursor holds a place and the way from it; what is searched for is not in it.

pub(super) mod attempts;
mod dead;
pub(super) mod events;
mod filter;
pub(super) mod operator;
mod page;
mod walk;

pub(super) use dead::{Examined, MOST_DEAD_LETTERS, dead_letters};
pub(super) use filter::{Filter, ListQuery, TriesView, time};
pub(super) use page::{Key, List, Pager, Way, writer};
pub(super) use walk::{Found, MOST_LOOKS, walk};
