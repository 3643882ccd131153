//! Notes: who puts one first has it, until its end.

use super::*;

fn note(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

pub(crate) async fn a_note_is_whose_it_was_first(subject: &impl Subject) {
    let store = subject.store();
    assert_eq!(store.note_put("n", note("one"), LONG).await.unwrap(), None);
    assert_eq!(
        store.note_put("n", note("two"), LONG).await.unwrap(),
        Some(note("one"))
    );
    assert_eq!(store.note_put("m", note("two"), LONG).await.unwrap(), None);
    let at_once = (0..8).map(|_| store.note_put("many", note("x"), LONG));
    let answers = futures_util::future::join_all(at_once).await;
    assert_eq!(answers.iter().filter(|a| matches!(a, Ok(None))).count(), 1);
}

pub(crate) async fn a_note_is_replaced_by_who_knows_it(subject: &impl Subject) {
    let store = subject.store();
    store.note_put("n", note("one"), LONG).await.unwrap();
    let replace = |expected, next: Option<&'static str>| {
        store.note_replace("n", note(expected), next.map(|text| (note(text), LONG)))
    };
    assert!(!replace("other", Some("two")).await.unwrap());
    assert!(replace("one", Some("two")).await.unwrap());
    assert!(!replace("one", None).await.unwrap());
    assert_eq!(
        store.note_put("n", note("x"), LONG).await.unwrap(),
        Some(note("two"))
    );
    assert!(replace("two", None).await.unwrap());
    assert!(!replace("two", Some("three")).await.unwrap(), "it is gone");
    assert_eq!(store.note_put("n", note("x"), LONG).await.unwrap(), None);
}

pub(crate) async fn a_note_goes_at_its_end(subject: &impl Subject) {
    let store = subject.store();
    store.note_put("n", note("one"), SHORT).await.unwrap();
    store.note_put("longer", note("one"), SHORT).await.unwrap();
    let longer = Some((note("two"), LONG));
    store.note_replace("longer", note("one"), longer).await.unwrap();
    subject.pass(OLD).await;
    let late = store.note_replace("n", note("one"), None).await.unwrap();
    assert!(!late, "over without a sweep too");
    store.sweep().await.unwrap();
    assert_eq!(store.note_put("n", note("two"), LONG).await.unwrap(), None);
    assert_eq!(
        store.note_put("longer", note("x"), LONG).await.unwrap(),
        Some(note("two"))
    );
}
