//! Pages and their files, embedded at build time, with pre-compressed variants.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest, Sha256};

use super::theme::{Logo, STYLESHEET, Theme};

/// Files of the pages, by path. Cheap to clone.
#[derive(Clone)]
pub struct Assets {
    files: Arc<HashMap<Cow<'static, str>, File>>,
    /// Content security policy of the portal, which configured sites may embed.
    portal: HeaderValue,
    /// Content security policy of everything else.
    strict: HeaderValue,
}

/// File of the pages.
struct File {
    content_type: HeaderValue,
    plain: Variant,
    brotli: Option<Variant>,
    gzip: Option<Variant>,
}

/// Encoding of a file, with the strong entity tag of its bytes.
struct Variant {
    bytes: Bytes,
    tag: HeaderValue,
}

/// Cache policy of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cache {
    /// Asks again at every use.
    Revalidate,
    /// Never changes: its name has a hash of its content.
    Immutable,
}

impl Assets {
    /// Reads the embedded files. `origins`, which are checked, may show the portal in a frame.
    pub fn new(origins: &[String], theme: &Theme) -> Self {
        let named: HashMap<&str, &'static [u8]> = EMBEDDED.iter().copied().collect();
        let variant = |name: &str| {
            named
                .get(name)
                .map(|bytes| Variant::new(Bytes::from_static(bytes)))
        };
        let own = EMBEDDED.iter().filter(|(name, _)| !is_compressed(name));
        let files = own.map(|(name, bytes)| {
            let file = File {
                content_type: content_type(name),
                plain: Variant::new(Bytes::from_static(bytes)),
                brotli: variant(&format!("{name}.br")),
                gzip: variant(&format!("{name}.gz")),
            };
            (Cow::Borrowed(*name), file)
        });
        let mut files: HashMap<_, _> = files.collect();
        add_theme(&mut files, theme);
        let policy = |ancestors: &str, images: &str| {
            let policy = format!("{POLICY}; img-src 'self' data:{images}; frame-ancestors {ancestors}");
            policy.parse().unwrap_or(HeaderValue::from_static(NOTHING))
        };
        let images: String = theme
            .image_origins()
            .iter()
            .map(|origin| format!(" {origin}"))
            .collect();
        let ancestors = if origins.is_empty() {
            "'none'".to_owned()
        } else {
            origins.join(" ")
        };
        Self {
            files: Arc::new(files),
            portal: policy(&ancestors, &images),
            strict: policy("'none'", ""),
        }
    }

    /// Answers a request for the page that all paths of the dashboard and the portal show.
    pub fn shell(&self, request: &HeaderMap, portal: bool) -> Option<Response> {
        let name = if portal && self.files.contains_key(PORTAL_SHELL) {
            PORTAL_SHELL
        } else {
            SHELL
        };
        let mut shell = self.file(name, request, Cache::Revalidate)?;
        if portal {
            let policy = self.portal.clone();
            shell
                .headers_mut()
                .insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        Some(shell)
    }

    /// Answers a request for a file; `None` if there is no such file.
    pub fn file(&self, path: &str, request: &HeaderMap, cache: Cache) -> Option<Response> {
        let file = self.files.get(path)?;
        let (encoding, variant) = file.accepted(request);
        let unchanged = is_known(request, &variant.tag);
        let body = if unchanged {
            Bytes::new()
        } else {
            variant.bytes.clone()
        };
        let mut response = Response::new(Body::from(body));
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        let headers = response.headers_mut();
        headers.extend(FIXED);
        headers.insert(header::CONTENT_TYPE, file.content_type.clone());
        headers.insert(header::ETAG, variant.tag.clone());
        headers.insert(header::CONTENT_SECURITY_POLICY, self.strict.clone());
        headers.insert(header::CACHE_CONTROL, cache.value());
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, encoding);
        }
        Some(response)
    }
}

impl File {
    /// Smallest variant that the client accepts.
    fn accepted(&self, request: &HeaderMap) -> (Option<HeaderValue>, &Variant) {
        let accepts = |coding: &str| accepts(request, &header::ACCEPT_ENCODING, coding);
        match (&self.brotli, &self.gzip) {
            (Some(brotli), _) if accepts("br") => (Some(HeaderValue::from_static("br")), brotli),
            (_, Some(gzip)) if accepts("gzip") => (Some(HeaderValue::from_static("gzip")), gzip),
            _ => (None, &self.plain),
        }
    }
}

impl Variant {
    fn new(bytes: Bytes) -> Self {
        let digest = hex::encode(Sha256::digest(&bytes));
        let tag = HeaderValue::from_str(&format!("\"{}\"", &digest[..32]));
        Self {
            bytes,
            tag: tag.unwrap_or(HeaderValue::from_static("\"\"")),
        }
    }
}

impl Cache {
    const fn value(self) -> HeaderValue {
        match self {
            Self::Revalidate => HeaderValue::from_static("no-cache"),
            Self::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
        }
    }
}

/// Returns `true` if a request's `Accept` permits HTML: of `named`, only by its name.
pub fn accepts_html(request: &HeaderMap, named: bool) -> bool {
    if !request.contains_key(header::ACCEPT) {
        return !named;
    }
    let accepts = |range| accepts(request, &header::ACCEPT, range);
    accepts("text/html") || !named && (accepts("text/*") || accepts("*/*"))
}

/// Returns `true` if a list header has an item with a quality value over 0 (RFC 9110 §12.4.2).
fn accepts(request: &HeaderMap, name: &HeaderName, item: &str) -> bool {
    let lists = request.get_all(name).iter().filter_map(|list| list.to_str().ok());
    let found = lists.flat_map(|list| list.split(',')).find_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next().filter(|name| name.eq_ignore_ascii_case(item))?;
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        Some(quality.is_none_or(|quality| quality.parse().is_ok_and(|quality: f32| quality > 0.0)))
    });
    found.unwrap_or(false)
}

/// Returns `true` if the client has this variant already.
fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let known = request.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known.filter_map(|list| list.to_str().ok());
    let tag = tag.to_str().unwrap_or_default();
    known.any(|list| {
        list.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag
        })
    })
}

/// Adds the files of a configured theme: the portal's shell, the stylesheet and logos.
fn add_theme(files: &mut HashMap<Cow<'static, str>, File>, theme: &Theme) {
    let shell = files
        .get(SHELL)
        .and_then(|shell| std::str::from_utf8(&shell.plain.bytes).ok());
    let Some(shell) = shell.filter(|_| !theme.is_plain()) else {
        return;
    };
    let shell = shell.replacen(END_OF_HEAD, &format!("{}{END_OF_HEAD}", theme.head()), 1);
    let stylesheet = Bytes::from(theme.stylesheet.clone());
    let own = [
        (PORTAL_SHELL.to_owned(), Bytes::from(shell)),
        (format!("ui/{STYLESHEET}"), stylesheet),
    ];
    let logos = theme.logos.iter().flatten().filter_map(|logo| match logo {
        Logo::Embedded { name, bytes } => Some((format!("ui/{name}"), bytes.clone())),
        Logo::Elsewhere(_) => None,
    });
    for (name, bytes) in own.into_iter().chain(logos) {
        let file = File {
            content_type: content_type(&name),
            plain: Variant::new(bytes),
            brotli: None,
            gzip: None,
        };
        files.insert(name.into(), file);
    }
}

fn is_compressed(name: &str) -> bool {
    let extension = name.rsplit('.').next();
    matches!(extension, Some("br" | "gz"))
}

fn content_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    })
}

/// Files of `gateway/ui/dist`, listed by the build script.
const EMBEDDED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

const SHELL: &str = "index.html";
/// Shell of the portal, if a theme is configured. No address leads to it as a file.
const PORTAL_SHELL: &str = "portal.html";
const END_OF_HEAD: &str = "</head>";

/// Content security policy, to be completed with `img-src` and `frame-ancestors`.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'";
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

const FIXED: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::VARY, HeaderValue::from_static("accept, accept-encoding")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn browsers_are_told_from_other_clients() {
        for (accept, any, named) in [
            ("text/html,application/xhtml+xml,*/*;q=0.8", true, true),
            ("*/*", true, false),
            ("application/json", false, false),
            ("text/html;q=0", false, false),
            ("TEXT/HTML; charset=utf-8", true, true),
        ] {
            let request = headers(header::ACCEPT, accept);
            let found = (accepts_html(&request, false), accepts_html(&request, true));
            assert_eq!(found, (any, named), "{accept}");
        }
        assert!(accepts_html(&HeaderMap::new(), false) && !accepts_html(&HeaderMap::new(), true));
    }

    #[test]
    fn variant_follows_the_accepted_encodings() {
        let variant = |bytes: &'static [u8]| Some(Variant::new(Bytes::from_static(bytes)));
        let file = File {
            content_type: content_type("a.js"),
            plain: Variant::new(Bytes::from_static(b"plain")),
            brotli: variant(b"brotli"),
            gzip: variant(b"gzip"),
        };
        for (accepted, expected) in [
            ("", "plain"),
            ("gzip", "gzip"),
            ("gzip, deflate, br", "brotli"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("identity", "plain"),
        ] {
            let request = headers(header::ACCEPT_ENCODING, accepted);
            let (_, variant) = file.accepted(&request);
            assert_eq!(variant.bytes, expected.as_bytes(), "{accepted}");
            let known = format!("\"other\", {}", variant.tag.to_str().unwrap());
            assert!(is_known(&headers(header::IF_NONE_MATCH, &known), &variant.tag));
        }
        assert!(!is_known(
            &headers(header::IF_NONE_MATCH, "\"other\""),
            &file.plain.tag
        ));
    }

    #[test]
    fn shell_is_embedded_and_every_file_has_a_type() {
        let assets = Assets::new(&[], &Theme::default());
        assert!(assets.shell(&HeaderMap::new(), false).is_some());
        for (name, _) in EMBEDDED.iter().filter(|(name, _)| !is_compressed(name)) {
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
        }
    }
}
