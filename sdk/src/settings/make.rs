//! The macro `settings!`, which derives settings from a type.

/// Implements [`Setting`](crate::settings::Setting) for a struct, whose fields are the settings, or
/// for an enum, whose variants are words.
///
/// The comments become descriptions in the JSON Schema. A field with a default behind `=`, or of
/// type `Option`, may be omitted.
///
/// ```
/// use hookgate_sdk::{settings, settings::Setting};
///
/// settings! {
///     /// What becomes of it.
///     #[derive(PartialEq)]
///     enum Action {
///         Remove = "remove",
///         Mask = "mask",
///     }
/// }
///
/// settings! {
///     struct Fields {
///         /// Where.
///         field: String,
///         action: Action = Action::Remove,
///     }
/// }
///
/// assert_eq!(
///     Fields::schema(),
///     r#"{"type":"object","additionalProperties":false,"properties":{"field":{"type":"string","description":"Where."},"action":{"enum":["remove","mask"]}},"required":["field"]}"#
/// );
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])* $(#[derive($($derive:path),*)])?
        $vis:vis struct $name:ident {
            $($(#[doc = $doc:literal])* $field_vis:vis $field:ident : $type:ty $(= $default:expr)?),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone $($(, $derive)*)?)]
        $vis struct $name {
            $($(#[doc = $doc])* $field_vis $field: $type,)*
        }

        impl $crate::settings::Setting for $name {
            fn schema() -> String {
                let mut schema = $crate::settings::ObjectSchema::new(&[$($about),*]);
                $({
                    let absent = None::<$type>$(.or_else(|| Some($default.into())))?;
                    let required = absent.or_else(<$type as $crate::settings::Setting>::absent).is_none();
                    schema.property::<$type>(stringify!($field), &[$($doc),*], required);
                })*
                schema.finish()
            }

            fn check(check: &mut $crate::check::Check, pointer: &str) {
                if !check.settings().has(pointer) {
                    return;
                }
                check.known_keys(pointer, &[$(stringify!($field)),*]);
                $({
                    let at = $crate::pointer::member(pointer, stringify!($field));
                    let absent = None::<$type>$(.or_else(|| Some($default.into())))?;
                    if absent.or_else(<$type as $crate::settings::Setting>::absent).is_none() {
                        check.required(&at);
                    }
                    <$type as $crate::settings::Setting>::check(check, &at);
                })*
            }

            fn read(settings: &$crate::Settings, pointer: &str) -> Option<Self> {
                Some(Self {
                    $($field: {
                        let at = $crate::pointer::member(pointer, stringify!($field));
                        if settings.has(&at) {
                            <$type as $crate::settings::Setting>::read(settings, &at)?
                        } else {
                            let absent = None::<$type>$(.or_else(|| Some($default.into())))?;
                            absent.or_else(<$type as $crate::settings::Setting>::absent)?
                        }
                    },)*
                })
            }
        }
    };
    (
        $(#[doc = $about:literal])* $(#[derive($($derive:path),*)])?
        $vis:vis enum $name:ident {
            $($(#[doc = $doc:literal])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy $($(, $derive)*)?)]
        $vis enum $name {
            $($(#[doc = $doc])* $variant,)*
        }

        impl $crate::settings::Setting for $name {
            fn schema() -> String {
                $crate::settings::words_schema(&[$($word),*])
            }

            fn check(check: &mut $crate::check::Check, pointer: &str) {
                check.one_of(pointer, &[$($word),*]);
            }

            fn read(settings: &$crate::Settings, pointer: &str) -> Option<Self> {
                match settings.get_str(pointer)?.as_str() {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}
