//! Notes: the first caller's note is stored, until its end.

use super::*;

fn note(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(crate) async fn a_note_is_whose_it_was_first(subject: &impl Subject) {
    let store = subject.store();
    assert_eq!(store.note_put("n", note("one"), LONG, None).await.unwrap(), None);
    assert_eq!(
        store.note_put("n", note("two"), LONG, None).await.unwrap(),
        Some(note("one"))
    );
    assert_eq!(store.note_put("m", note("two"), LONG, None).await.unwrap(), None);
    let at_once = (0..8).map(|_| store.note_put("many", note("x"), LONG, None));
    let answers = futures_util::future::join_all(at_once).await;
    assert_eq!(answers.iter().filter(|a| matches!(a, Ok(None))).count(), 1);
}

pub(crate) async fn a_note_is_replaced_by_who_knows_it(subject: &impl Subject) {
    let store = subject.store();
    store.note_put("n", note("one"), LONG, None).await.unwrap();
    let replace = |expected, next: Option<&'static str>| {
        store.note_replace("n", note(expected), next.map(|text| (note(text), LONG)), None)
    };
    assert!(!replace("other", Some("two")).await.unwrap());
    assert!(replace("one", Some("two")).await.unwrap());
    assert!(!replace("one", None).await.unwrap());
    assert_eq!(
        store.note_put("n", note("x"), LONG, None).await.unwrap(),
        Some(note("two"))
    );
    assert!(replace("two", None).await.unwrap());
    assert!(!replace("two", Some("three")).await.unwrap(), "it is gone");
    assert_eq!(store.note_put("n", note("x"), LONG, None).await.unwrap(), None);
}

pub(crate) async fn a_note_goes_at_its_end(subject: &impl Subject) {
    let store = subject.store();
    store.note_put("n", note("one"), SHORT, None).await.unwrap();
    store.note_put("longer", note("one"), SHORT, None).await.unwrap();
    let longer = Some((note("two"), LONG));
    store
        .note_replace("longer", note("one"), longer, None)
        .await
        .unwrap();
    subject.pass(OLD).await;
    let late = store.note_replace("n", note("one"), None, None).await.unwrap();
    assert!(!late, "over without a sweep too");
    store.sweep().await.unwrap();
    assert_eq!(store.note_put("n", note("two"), LONG, None).await.unwrap(), None);
    assert_eq!(
        store.note_put("longer", note("x"), LONG, None).await.unwrap(),
        Some(note("two"))
    );
}

pub(crate) async fn notes_of_an_owner_are_counted_and_bounded(subject: &impl Subject) {
    let store = subject.store();
    let owner = |name: &str, most| NoteOwner {
        name: name.to_owned(),
        most,
    };
    let (acme, other) = (owner("acme", 2), owner("other", 2));
    assert_eq!(store.notes_of("acme").await.unwrap(), 0);
    let put = async |name: &str, keep, owner: &NoteOwner| {
        store.note_put(name, note("one"), keep, Some(owner)).await
    };
    for name in ["a", "b"] {
        assert_eq!(put(name, LONG, &acme).await.unwrap(), None);
    }
    assert_eq!(
        put("a", LONG, &acme).await.unwrap(),
        Some(note("one")),
        "it is there"
    );
    assert_eq!(store.notes_of("acme").await.unwrap(), 2);
    let refused = put("c", LONG, &acme).await.unwrap_err();
    let StoreError::OverQuota(over) = refused else {
        panic!("{refused}");
    };
    assert_eq!((over.limit, over.used, over.added), (2, 2, 1));
    assert_eq!(store.note("c").await.unwrap(), None);
    // Other owners have separate limits, and notes without an owner are not counted.
    assert_eq!(put("c", LONG, &other).await.unwrap(), None);
    assert_eq!(store.note_put("d", note("one"), LONG, None).await.unwrap(), None);
    // A replaced note counts once; a removed one frees its slot.
    let next = Some((note("two"), LONG));
    assert!(
        store
            .note_replace("a", note("one"), next, Some(&acme))
            .await
            .unwrap()
    );
    assert_eq!(store.note("a").await.unwrap(), Some(note("two")));
    assert_eq!(store.notes_of("acme").await.unwrap(), 2);
    assert!(
        store
            .note_replace("a", note("two"), None, Some(&acme))
            .await
            .unwrap()
    );
    assert_eq!(store.notes_of("acme").await.unwrap(), 1);
    assert_eq!(put("e", SHORT, &acme).await.unwrap(), None);
    put("f", LONG, &acme).await.unwrap_err();
    // An expired note frees its slot; put again, it counts once.
    subject.pass(OLD).await;
    assert_eq!(store.note("e").await.unwrap(), None, "it has ended");
    assert_eq!(put("e", SHORT, &acme).await.unwrap(), None);
    subject.pass(OLD).await;
    store.sweep().await.unwrap();
    assert_eq!(store.notes_of("acme").await.unwrap(), 1);
    assert_eq!(put("f", LONG, &acme).await.unwrap(), None);
    put("g", LONG, &acme).await.unwrap_err();
}
