//! Compatibility of two states of the WIT package: components built for the one must run with the
//! other.
//!
//! A component links by structure: each function and type that it imports must be unchanged, and
//! its exports must be those that the gateway calls. The gateway's side may therefore add functions
//! and interfaces, and nothing else may change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};
use hookgate_tests::gateway::root;
use wit_bindgen_core::wit_parser::decoding::{DecodedWasm, decode};
use wit_bindgen_core::wit_parser::{
    Function, Handle, Interface, Resolve, Type, TypeDef, TypeDefKind, TypeOwner, WorldId, WorldItem, WorldKey,
};

/// The world `plugin` of one state of the package.
struct World {
    /// Version of the package, such as `0.1.0`.
    version: String,
    imports: BTreeMap<String, Face>,
    exports: BTreeMap<String, Face>,
}

/// An interface: its names and their definitions.
#[derive(Default)]
struct Face {
    functions: BTreeMap<String, String>,
    types: BTreeMap<String, Shape>,
}

/// A type: its kind, and its members, cases or meaning.
#[derive(PartialEq)]
struct Shape {
    kind: &'static str,
    parts: Vec<String>,
}

impl World {
    /// The world of a package's text.
    fn of_text(text: &str) -> Result<Self> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("plugin.wit", text)?;
        let world = resolve.select_world(&[package], Some("plugin"))?;
        Self::read(&resolve, world)
    }

    /// Parts of the world that a component uses.
    fn of_component(resolve: &Resolve, world: WorldId) -> Result<Self> {
        Self::read(resolve, world)
    }

    fn read(resolve: &Resolve, world: WorldId) -> Result<Self> {
        let world = &resolve.worlds[world];
        let faces = |items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
            let ours = items.filter_map(|(key, item)| match item {
                WorldItem::Interface { id, .. } => {
                    let name = resolve.name_world_key(key);
                    let name = name.split('@').next()?.strip_prefix("hookgate:plugin/")?;
                    Some((name.to_owned(), Face::of(resolve, &resolve.interfaces[*id])))
                }
                WorldItem::Function(_) | WorldItem::Type { .. } => None,
            });
            ours.collect::<BTreeMap<_, _>>()
        };
        let (imports, exports) = (faces(&mut world.imports.iter()), faces(&mut world.exports.iter()));
        let of_ours = |item: &WorldItem| match item {
            WorldItem::Interface { id, .. } => {
                let package = &resolve.packages[resolve.interfaces[*id].package?].name;
                (package.namespace == "hookgate")
                    .then(|| package.version.as_ref().map(ToString::to_string))?
            }
            WorldItem::Function(_) | WorldItem::Type { .. } => None,
        };
        let version = world.imports.values().find_map(of_ours);
        Ok(Self {
            version: version.context("the package has no version")?,
            imports,
            exports,
        })
    }

    /// Every function of the world, in the form `document#[method]json.get`.
    fn functions(&self) -> Vec<String> {
        let faces = self.imports.iter().chain(&self.exports);
        faces
            .flat_map(|(name, face)| {
                face.functions
                    .keys()
                    .map(move |function| format!("{name}#{function}"))
            })
            .collect()
    }

    /// Reasons why components built for this world cannot run with another; empty if they can.
    fn broken_by(&self, next: &Self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (name, face) in &self.imports {
            match next.imports.get(name) {
                Some(now) => face.compare(name, now, &self.version, &mut wrong),
                None => wrong.push(format!(
                    "the world does not import `{name}` any more: components built for {} do",
                    self.version
                )),
            }
        }
        for (name, face) in &self.exports {
            let Some(now) = next.exports.get(name) else {
                wrong.push(format!("the world does not export `{name}` any more"));
                continue;
            };
            face.compare(name, now, &self.version, &mut wrong);
            for function in now
                .functions
                .keys()
                .filter(|name| !face.functions.contains_key(*name))
            {
                wrong.push(format!(
                    "`{name}` must have a new `{function}`: components built for {} do not export it",
                    self.version
                ));
            }
        }
        for name in next
            .exports
            .keys()
            .filter(|name| !self.exports.contains_key(*name))
        {
            wrong.push(format!(
                "the world exports a new `{name}`: components built for {} do not",
                self.version
            ));
        }
        wrong
    }
}

impl Face {
    fn of(resolve: &Resolve, interface: &Interface) -> Self {
        let functions = interface.functions.iter();
        let types = interface.types.iter();
        Self {
            functions: functions
                .map(|(name, function)| (name.clone(), signature(resolve, function)))
                .collect(),
            types: types
                .map(|(name, id)| (name.clone(), shape(resolve, &resolve.types[*id])))
                .collect(),
        }
    }

    fn compare(&self, name: &str, now: &Self, version: &str, wrong: &mut Vec<String>) {
        for (function, before) in &self.functions {
            match now.functions.get(function) {
                None => wrong.push(format!("`{name}` has no `{function}` any more: components built for {version} call it")),
                Some(after) if after != before => wrong.push(format!(
                    "`{name}`: `{function}` was {before} and is {after}: components built for {version} do not link; add a function beside it"
                )),
                Some(_) => {}
            }
        }
        for (kind, before) in &self.types {
            match now.types.get(kind) {
                None => wrong.push(format!("`{name}` has no `{kind}` any more")),
                Some(after) if after != before => wrong.push(format!(
                    "`{name}`: the {} `{kind}` {}: components built for {version} do not link; add a type beside it",
                    before.kind,
                    before.difference(after)
                )),
                Some(_) => {}
            }
        }
    }
}

impl Shape {
    fn difference(&self, after: &Self) -> String {
        let not_in = |these: &[String], those: &[String]| {
            let mut others = these.iter().filter(|part| !those.contains(part)).cloned();
            others.next()
        };
        if self.kind != after.kind {
            return format!("became a {}", after.kind);
        }
        match (
            not_in(&after.parts, &self.parts),
            not_in(&self.parts, &after.parts),
        ) {
            (Some(new), None) => format!("has a new `{new}`"),
            (None, Some(old)) => format!("lost its `{old}`"),
            (Some(new), Some(old)) => format!("has `{new}` in place of `{old}`"),
            (None, None) => "has another order".to_owned(),
        }
    }
}

fn signature(resolve: &Resolve, function: &Function) -> String {
    let params = function
        .params
        .iter()
        .map(|param| format!("{}: {}", param.name, written(resolve, &param.ty)));
    let mut text = format!("func({})", params.collect::<Vec<_>>().join(", "));
    if let Some(result) = &function.result {
        let _ = write!(text, " -> {}", written(resolve, result));
    }
    text
}

fn shape(resolve: &Resolve, def: &TypeDef) -> Shape {
    let typed = |name: &str, ty: Option<&Type>| match ty {
        Some(ty) => format!("{name}({})", written(resolve, ty)),
        None => name.to_owned(),
    };
    let parts = match &def.kind {
        TypeDefKind::Record(record) => {
            let fields = record.fields.iter();
            fields
                .map(|field| format!("{}: {}", field.name, written(resolve, &field.ty)))
                .collect()
        }
        TypeDefKind::Variant(variant) => variant
            .cases
            .iter()
            .map(|case| typed(&case.name, case.ty.as_ref()))
            .collect(),
        TypeDefKind::Enum(of) => of.cases.iter().map(|case| case.name.clone()).collect(),
        TypeDefKind::Flags(flags) => flags.flags.iter().map(|flag| flag.name.clone()).collect(),
        TypeDefKind::Resource => Vec::new(),
        other => vec![structure(resolve, other)],
    };
    Shape {
        kind: def.kind.as_str(),
        parts,
    }
}

/// A type in WIT notation; a named one under the interface that first defines it.
fn written(resolve: &Resolve, ty: &Type) -> String {
    let Type::Id(id) = ty else {
        return format!("{ty:?}").to_lowercase();
    };
    let def = &resolve.types[*id];
    match (&def.kind, &def.name, def.owner) {
        (TypeDefKind::Type(of), Some(_), _) => written(resolve, of),
        (_, Some(name), TypeOwner::Interface(owner)) => {
            let owner = resolve.interfaces[owner].name.as_deref().unwrap_or_default();
            format!("{owner}.{name}")
        }
        (_, Some(name), _) => name.clone(),
        (kind, None, _) => structure(resolve, kind),
    }
}

fn structure(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let of = |ty: &Type| written(resolve, ty);
    let or_none = |ty: &Option<Type>| ty.as_ref().map_or_else(|| "_".to_owned(), of);
    match kind {
        TypeDefKind::Type(ty) => of(ty),
        TypeDefKind::Option(ty) => format!("option<{}>", of(ty)),
        TypeDefKind::List(ty) => format!("list<{}>", of(ty)),
        TypeDefKind::Result(result) => format!("result<{}, {}>", or_none(&result.ok), or_none(&result.err)),
        TypeDefKind::Tuple(tuple) => {
            format!(
                "tuple<{}>",
                tuple.types.iter().map(of).collect::<Vec<_>>().join(", ")
            )
        }
        TypeDefKind::Handle(Handle::Own(id)) => of(&Type::Id(*id)),
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", of(&Type::Id(*id))),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_wit_only_changes_compatibly() {
    let current = World::of_text(&current_wit()).expect("wit/plugin.wit");
    let line = |version: &str| version.rsplit_once('.').map(|(line, _)| line.to_owned());
    let mut wrong = Vec::new();
    for folder in fs::read_dir(root().join("wit/released")).expect("wit/released") {
        let text =
            fs::read_to_string(folder.expect("a folder").path().join("plugin.wit")).expect("a release");
        let released = World::of_text(&text).expect("a package");
        if line(&released.version) != line(&current.version) {
            continue;
        }
        wrong.extend(released.broken_by(&current));
        if released.version == current.version && !current.broken_by(&released).is_empty() {
            let version = &current.version;
            wrong.push(format!(
                "{version} is released and is not changed any more: what is new needs a new version"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wit_that_breaks_components_is_refused_in_words() {
    let released = World::of_text(&current_wit()).expect("wit/plugin.wit");
    for (before, after, expected) in [
        ("world plugin {", "world plugin {", &[][..]),
        (
            "world plugin {",
            "interface more { f: func(); }\nworld plugin {\n  import more;",
            &[],
        ),
        (
            "now-ms: func() -> u64;",
            "now-ms: func() -> u64;\n  day: func() -> u64;",
            &[],
        ),
        (
            "    kind-of: func",
            "    depth: func() -> u32;\n    kind-of: func",
            &[],
        ),
        (
            "now-ms: func() -> u64;",
            "now: func() -> u64;",
            &["`clock` has no `now-ms` any more: components built for 0.1.0 call it"],
        ),
        (
            "now-ms: func() -> u64;",
            "now-ms: func() -> s64;",
            &[
                "`clock`: `now-ms` was func() -> u64 and is func() -> s64: components built for 0.1.0 do not link; add a function beside it",
            ],
        ),
        (
            "pseudonym(string),",
            "pseudonym(string),\n    hash,",
            &[
                "`document`: the variant `redaction` has a new `hash`: components built for 0.1.0 do not link; add a type beside it",
            ],
        ),
        (
            "record problem { pointer: string, message: string }",
            "record problem { pointer: string }",
            &[
                "`types`: the record `problem` lost its `message: string`: components built for 0.1.0 do not link; add a type beside it",
            ],
        ),
        (
            "enum failure-code { bad-settings, bad-payload, internal }",
            "enum failure-code { bad-payload, bad-settings, internal }",
            &[
                "`types`: the enum `failure-code` has another order: components built for 0.1.0 do not link; add a type beside it",
            ],
        ),
        (
            "  describe: func() -> description;",
            "  describe: func() -> description;\n  flush: func();",
            &["`handler` must have a new `flush`: components built for 0.1.0 do not export it"],
        ),
        (
            "world plugin {",
            "interface end { f: func(); }\nworld plugin {\n  export end;",
            &["the world exports a new `end`: components built for 0.1.0 do not"],
        ),
        (
            "  import clock;",
            "",
            &["the world does not import `clock` any more: components built for 0.1.0 do"],
        ),
    ] {
        let text = current_wit();
        assert!(text.contains(before), "{before}");
        let next = World::of_text(&text.replacen(before, after, 1)).expect(after);
        assert_eq!(released.broken_by(&next), expected, "{after}");
    }
}

#[test]
fn a_golden_component_uses_every_function_of_its_release() {
    let folder = root().join("tests/golden");
    for release in fs::read_dir(root().join("wit/released")).expect("wit/released") {
        let release = release.expect("a folder").path();
        let text = fs::read_to_string(release.join("plugin.wit")).expect("a release");
        let offered = World::of_text(&text).expect("a package");
        let every = fs::read(folder.join(&offered.version).join("every.wasm")).expect("its golden component");
        let world = match decode(&every).expect("every.wasm is read") {
            DecodedWasm::Component(resolve, world) => World::of_component(&resolve, world).ok(),
            DecodedWasm::WitPackage(..) => None,
        };
        let used = world.expect("every.wasm is a component of our world");
        assert_eq!(used.functions(), offered.functions(), "{}", offered.version);
    }
}

fn current_wit() -> String {
    fs::read_to_string(root().join("wit/plugin.wit")).expect("wit/plugin.wit")
}
