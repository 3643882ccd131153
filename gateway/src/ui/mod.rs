//! Dashboard and tenant portal: the embedded pages, single-use links, and the sessions that links begin.
//!
//! A link holds a single-use code. The code is exchanged for a token, and the token authenticates
//! requests of the ordinary API. The store has digests of both, never the texts, so that each gateway
//! knows every session. The API decides which capability a route needs; this module knows no routes.

mod assets;
mod capability;
mod config;
mod palette;
mod record;
mod session;
mod sessions;
mod theme;
mod token;
mod trusted_proxy;

pub use assets::{Assets, Cache, accepts_html};
pub use capability::{Capabilities, Capability};
pub use config::Config;
pub use palette::{Colour, Colours, NoColour};
pub use session::{Grant, Portal, Session, Theme};
pub use sessions::{Issued, SessionError, Sessions, TOKEN_PREFIX};
pub use theme::{BadTheme, Logo, PortalConfig, Theme as PortalTheme, ThemeConfig, is_themes};
pub use token::TokenKey;
pub use trusted_proxy::TrustedProxy;
