//! Black-box tests of the binary over HTTP. Tests that concern the store run on both stores.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says what is wrong by panicking"
)]

mod answers;
mod author;
mod backups;
mod bad_events;
mod bad_requests;
mod bodies;
mod browser;
mod chains;
mod clients;
mod clock_steps;
mod command_line;
mod commands;
mod consumers;
mod contracts;
mod crash;
mod damaged_store;
mod delivering;
mod deploying;
mod door_deliveries;
mod doors;
mod dry_run;
mod failing;
mod far_store;
mod feed;
mod filters;
mod floors;
mod hostile;
mod isolation;
mod jobs;
mod key_uses;
mod known_stores;
mod languages;
mod leaving;
mod limits;
mod listeners;
mod lists;
mod metadata;
mod moving;
mod names;
mod numbers;
mod observing;
mod other_tenants;
mod own_document;
mod pages;
mod portal;
mod privacy;
mod profile_change;
mod publishing;
mod recovering;
mod refused_profiles;
mod rehearsing;
mod reliability;
mod reloading;
mod repeating;
mod scopes;
mod sealing;
mod secrets;
mod series;
mod shadow;
mod site;
mod standing;
mod stopping;
mod tail;
mod traces;
mod trying;
mod two_gateways;
mod unwell_store;
mod verifying;
mod walk;
mod warnings;
mod wording;
