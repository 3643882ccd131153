//! Theme of the portal: name, logos, colours and sizes from the configuration.
//!
//! The configuration is refused if a colour is hard to read. The pages get the theme as a stylesheet and as `<meta>` elements of
//! their shell, both from the gateway itself: no address and no script decides a colour.

use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::palette::{Colours, Mode, Palette};

/// The tenant portal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PortalConfig {
    /// Look of the portal. See embedding.md.
    pub theme: ThemeConfig,
}

/// Look of the portal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ThemeConfig {
    /// Name in the titles of the pages and beside the logo, up to 64 characters. Without it:
    /// `hookgate`.
    pub name: Option<String>,
    /// Logo: a file (SVG, PNG, JPEG or WebP, up to 256 KiB), which is read at the start and served by
    /// the gateway, or an `https:` URL, whose origin the pages may then load images from.
    pub logo: Option<String>,
    /// Logo on a dark ground. Without it: `logo`.
    pub logo_dark: Option<String>,
    /// Radius of corners in pixels, 0 to 24. Without it: 8.
    pub radius: Option<u8>,
    /// Size of text in pixels, 13 to 18. Without it: 14.
    pub font_size: Option<u8>,
    /// Colours in light, such as `accent = "#4f46e5"`. Contrasts below those of WCAG AA are refused.
    pub light: Colours,
    /// Colours in dark.
    pub dark: Colours,
}

/// Theme as the pages get it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theme {
    /// Name of the portal.
    pub name: Option<String>,
    /// Logos: of a light ground, of a dark one.
    pub logos: [Option<Logo>; 2],
    /// Stylesheet; empty if it changes nothing.
    pub stylesheet: String,
}

/// Logo of the portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Logo {
    /// Image that the gateway serves.
    Embedded {
        /// Name of the file.
        name: String,
        /// Content of the file.
        bytes: Bytes,
    },
    /// Image at another place.
    Elsewhere(Url),
}

/// Value of a theme that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTheme {
    /// Key below `portal.theme`.
    pub key: &'static str,
    /// Description of the problem.
    pub message: String,
}

impl ThemeConfig {
    /// Reads and checks the theme.
    ///
    /// # Errors
    /// All values that are refused: names and sizes beyond their bounds, logos that cannot be read, and pairs of colours with
    /// less contrast than WCAG AA asks for.
    pub fn resolve(&self) -> Result<Theme, Vec<BadTheme>> {
        let mut refused = Vec::new();
        let mut refuse = |key, message: String| refused.push(BadTheme { key, message });
        let named =
            |name: &str| (1..=64).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        if self.name.as_deref().is_some_and(|name| !named(name)) {
            refuse(
                "name",
                "1 to 64 characters are needed, without control characters".to_owned(),
            );
        }
        if self.radius.is_some_and(|radius| radius > 24) {
            refuse("radius", "it is 0 to 24".to_owned());
        }
        if self.font_size.is_some_and(|size| !(13..=18).contains(&size)) {
            refuse("font_size", "it is 13 to 18".to_owned());
        }
        let mut stylesheet = self.sizes();
        for (key, mode, colours, rule) in [
            ("light", Mode::Light, &self.light, ":root"),
            ("dark", Mode::Dark, &self.dark, ":root[data-theme=dark]"),
        ] {
            let palette = Palette::of(mode, colours);
            for low in palette.low_contrasts() {
                refuse(key, low.to_string());
            }
            let declarations = palette.declarations(mode);
            if !declarations.is_empty() {
                let _ = write!(stylesheet, "{rule}{{{declarations}}}");
            }
        }
        let logos = [
            ("logo", &self.logo, "portal-logo"),
            ("logo_dark", &self.logo_dark, "portal-logo-dark"),
        ];
        let logos = logos.map(|(key, place, name)| {
            let logo = Logo::load(place.as_deref()?, name);
            logo.map_err(|message| refuse(key, message)).ok()
        });
        if !refused.is_empty() {
            return Err(refused);
        }
        Ok(Theme {
            name: self.name.clone(),
            logos,
            stylesheet,
        })
    }

    fn sizes(&self) -> String {
        let mut sizes = String::new();
        if let Some(radius) = self.radius {
            let _ = write!(
                sizes,
                "--radius:{radius}px;--radius-small:{}px;",
                radius.saturating_sub(2)
            );
        }
        if let Some(size) = self.font_size {
            let (small, tiny) = (size - size.min(1), size - size.min(2));
            let _ = write!(
                sizes,
                "--size:{size}px;--size-small:{small}px;--size-tiny:{tiny}px;"
            );
        }
        if sizes.is_empty() {
            sizes
        } else {
            format!(":root{{{sizes}}}")
        }
    }
}

impl Theme {
    /// Returns `true` if nothing is set.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Origins of logos that the gateway does not serve.
    pub fn image_origins(&self) -> Vec<String> {
        let elsewhere = self.logos.iter().flatten().filter_map(|logo| match logo {
            Logo::Elsewhere(url) => Some(url.origin().ascii_serialization()),
            Logo::Embedded { .. } => None,
        });
        elsewhere.collect()
    }

    /// Elements for the head of the pages' shell.
    pub fn head(&self) -> String {
        let mut head = String::new();
        if !self.stylesheet.is_empty() {
            let _ = writeln!(head, "<link rel=\"stylesheet\" href=\"/ui/{STYLESHEET}\">");
        }
        let [logo, dark] = &self.logos;
        let logos = [logo, dark].map(|logo| logo.as_ref().map(Logo::address));
        let [logo, dark] = logos;
        for (name, content) in [("name", self.name.clone()), ("logo", logo), ("logo-dark", dark)] {
            if let Some(content) = content {
                let _ = writeln!(
                    head,
                    "<meta name=\"portal-{name}\" content=\"{}\">",
                    escaped(&content)
                );
            }
        }
        head
    }
}

impl Logo {
    fn load(place: &str, name: &str) -> Result<Self, String> {
        if place.contains("://") {
            let url = Url::parse(place)
                .ok()
                .filter(|url| url.scheme() == "https" && url.has_host());
            return url
                .map(Self::Elsewhere)
                .ok_or_else(|| "an https URL or a file is needed".to_owned());
        }
        let extension = Path::new(place)
            .extension()
            .and_then(|extension| extension.to_str());
        let extension = extension.map(str::to_ascii_lowercase).unwrap_or_default();
        if !EXTENSIONS.contains(&extension.as_str()) {
            return Err(format!(
                "the file's name ends with one of .{}",
                EXTENSIONS.join(", .")
            ));
        }
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(place);
        let read = opened.and_then(|file| file.take(LARGEST_LOGO + 1).read_to_end(&mut bytes));
        read.map_err(|error| format!("{place} cannot be read: {error}"))?;
        if bytes.is_empty() || bytes.len() as u64 > LARGEST_LOGO {
            return Err(format!(
                "{place} has {} bytes: 1 to {LARGEST_LOGO} are possible",
                bytes.len()
            ));
        }
        Ok(Self::Embedded {
            name: format!("{name}.{extension}"),
            bytes: bytes.into(),
        })
    }

    /// Address of the image for the pages.
    fn address(&self) -> String {
        match self {
            Self::Embedded { name, .. } => format!("/ui/{name}"),
            Self::Elsewhere(url) => url.to_string(),
        }
    }
}

/// Text for an attribute of an HTML element.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Returns `true` for names of a theme's files: they stay when the content changes.
pub fn is_themes(name: &str) -> bool {
    name.starts_with("portal-")
}

/// Name of the theme's stylesheet among the pages' files.
pub const STYLESHEET: &str = "portal-theme.css";
const EXTENSIONS: [&str; 5] = ["svg", "png", "jpg", "jpeg", "webp"];
/// Size of a logo's file, in bytes.
const LARGEST_LOGO: u64 = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(toml: &str) -> Result<Theme, Vec<BadTheme>> {
        let config: ThemeConfig = toml_edit::de::from_str(toml).unwrap();
        config.resolve()
    }

    #[test]
    fn values_beyond_their_bounds_are_refused_by_key() {
        for (toml, keys) in [
            ("", &[][..]),
            ("name = \"\"", &["name"]),
            (
                "name = \"a\\u0007\"\nradius = 25\nfont_size = 12",
                &["name", "radius", "font_size"],
            ),
            ("logo = \"http://example.com/a.svg\"", &["logo"]),
            ("logo = \"https://example.com/a.svg\"", &[]),
            (
                "logo = \"/nowhere/a.svg\"\nlogo_dark = \"/etc/passwd\"",
                &["logo", "logo_dark"],
            ),
            ("[light]\naccent = \"#ffee00\"", &["light"]),
            ("[dark]\naccent = \"#ffee00\"", &[]),
        ] {
            let mut found: Vec<_> = theme(toml)
                .err()
                .unwrap_or_default()
                .into_iter()
                .map(|bad| bad.key)
                .collect();
            found.dedup();
            assert_eq!(found, keys, "{toml}");
        }
    }

    #[test]
    fn pages_get_stylesheet_name_and_logo() {
        assert!(theme("").unwrap().is_plain());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("logo.SVG");
        std::fs::write(&file, "<svg/>").unwrap();
        let toml = format!(
            "name = 'A \"B\" <C>'\nlogo = '{}'\nlogo_dark = 'https://cdn.example.com/d.png'\nradius = 1\nfont_size = 16\n[dark]\naccent = '#ffee00'",
            file.display()
        );
        let theme = theme(&toml).unwrap();
        let head = theme.head();
        for part in [
            "href=\"/ui/portal-theme.css\"",
            "name=\"portal-name\" content=\"A &quot;B&quot; &lt;C&gt;\"",
            "content=\"/ui/portal-logo.svg\"",
            "name=\"portal-logo-dark\" content=\"https://cdn.example.com/d.png\"",
        ] {
            assert!(head.contains(part), "{head}");
        }
        assert_eq!(theme.image_origins(), ["https://cdn.example.com"]);
        let css = &theme.stylesheet;
        assert!(
            css.starts_with(":root{--radius:1px;--radius-small:0px;--size:16px;"),
            "{css}"
        );
        assert!(css.contains("}:root[data-theme=dark]{--accent:#ffee00;"), "{css}");
    }
}
