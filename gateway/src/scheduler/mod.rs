//! The scheduler: which delivery is attempted when.

mod budget;
mod health;
mod lane;
mod limit;
mod queue;
mod ring;
mod signal;
