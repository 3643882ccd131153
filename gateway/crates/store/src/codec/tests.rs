//! Round trips of records, and rejection of corrupt bytes.

use std::iter;
use std::num::{NonZeroU64, NonZeroU128};
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use hookgate_domain::trace_context::{SpanId, TraceId};
use hookgate_domain::{TraceContext, UnsentRequest};

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn id() -> EventId {
    "evt_1".parse().unwrap()
}

fn time() -> impl Strategy<Value = Timestamp> {
    any::<u64>().prop_map(Timestamp::from_micros)
}

fn span() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_micros)
}

/// Bytes of both kinds: incompressible noise and compressible repetition.
fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        vec(any::<u8>(), 0..64).prop_map(Bytes::from),
        vec(any::<u8>(), 1000..1100).prop_map(Bytes::from),
        (any::<u8>(), 0..5000_usize).prop_map(|(byte, len)| Bytes::from(vec![byte; len])),
    ]
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Inline),
        any::<u128>().prop_map(|n| Target::Subscription(SubscriptionId::new(ulid::Ulid(n)))),
    ]
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        Just(Fate::Published),
        Just(Fate::Test),
        ".{0,32}".prop_map(|reason| Fate::Filtered { reason }),
    ]
}

fn step() -> impl Strategy<Value = StepReport> {
    let result = prop_oneof![
        Just(StepResult::Passed),
        Just(StepResult::Dropped),
        Just(StepResult::Skipped),
        Just(StepResult::Failed)
    ];
    let names = (".{0,16}", "[0-9a-f]{12}", "[0-9.]{0,8}");
    let told = (any::<bool>(), option::of("[a-z]{1,8}"), span());
    (names, result, told, vec("(/[a-z]{1,4}){0,3}", 0..4)).prop_map(
        |((plugin, version, release), result, (canary, failure, took), changed)| StepReport {
            plugin,
            version,
            release: release.into(),
            canary,
            result,
            failure,
            took,
            changed,
        },
    )
}

fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![
        Just(Stage::Resolve),
        Just(Stage::Connect),
        Just(Stage::Tls),
        Just(Stage::Send),
        Just(Stage::Head),
        Just(Stage::Body),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        any::<u16>().prop_map(|status| Outcome::Delivered { status }),
        (any::<u16>(), option::of(span()))
            .prop_map(|(status, retry_after)| Outcome::Refused { status, retry_after }),
        stage().prop_map(|during| Outcome::TimedOut { during }),
        (stage(), ".{0,32}").prop_map(|(during, reason)| Outcome::Unreachable { during, reason }),
        ".{0,32}".prop_map(|reason| Outcome::Blocked { reason }),
        (".{0,8}", ".{0,32}").prop_map(|(plugin, reason)| Outcome::PluginFailed { plugin, reason }),
        span().prop_map(|by| Outcome::Postponed { by }),
        (".{0,8}", ".{0,32}").prop_map(|(plugin, reason)| Outcome::Dropped { plugin, reason }),
        any::<u32>().prop_map(|times| Outcome::Crashed { times }),
        unsent().prop_map(|request| Outcome::Shadowed {
            request: Box::new(request)
        }),
    ]
}

fn unsent() -> impl Strategy<Value = UnsentRequest> {
    let headers = vec(("[a-z-]{1,12}", option::of("[ -~]{0,40}")), 0..8);
    let body = (any::<[u8; 32]>(), any::<u64>());
    (".{0,40}", any::<bool>(), headers, any::<u32>(), body).prop_map(
        |(url, query, headers, more_headers, (body_digest, body_bytes))| UnsentRequest {
            url,
            query,
            headers,
            more_headers,
            body_digest,
            body_bytes,
        },
    )
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let what = (outcome(), bytes(), vec(step(), 0..3));
    (any::<u32>(), time(), span(), what).prop_map(|(number, started, took, (outcome, response, steps))| {
        Attempt {
            number,
            started,
            took,
            outcome,
            response: response.to_vec(),
            steps,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let url = prop_oneof![
        Just(None),
        "[a-z]{1,8}".prop_map(|path| Url::parse(&format!("https://example.com/{path}?a=b#c")).ok())
    ];
    let head = ("[a-z]{1,8}(\\.[a-z]{1,8}){0,2}", time(), fate());
    let rules = prop_oneof![Just(0), any::<u64>()].prop_map(RulesMark);
    let passed = ((0_u8..4).prop_map(Hops::new), option::of(trace()));
    let rules = (rules, passed, time());
    (head, bytes(), option::of(bytes()), url, vec(step(), 0..3), rules).prop_map(
        |((kind, created, fate), data, metadata, deliver_to, steps, (rules, (hops, trace), accepted))| {
            Event {
                id: id(),
                tenant: tenant(),
                kind: kind.parse().unwrap(),
                created,
                accepted,
                data,
                metadata,
                deliver_to,
                fate,
                steps,
                rules,
                hops,
                trace,
            }
        },
    )
}

fn trace() -> impl Strategy<Value = Box<TraceContext>> {
    let ids = (1_u128.., 1_u64..).prop_map(|(trace, span)| {
        let (trace, span) = (NonZeroU128::new(trace), NonZeroU64::new(span));
        (TraceId(trace.unwrap()), SpanId(span.unwrap()))
    });
    (ids, any::<u8>(), "([a-z]{1,8}=[ -+]{1,8},){0,3}[a-z]=[0-9]")
        .prop_map(|((trace, span), flags, state)| Box::new(TraceContext::new(trace, span, flags, &state)))
}

fn delivery() -> impl Strategy<Value = Hidden> {
    let trigger = prop_oneof![
        Just(Trigger::Published),
        Just(Trigger::Replay),
        Just(Trigger::Test)
    ];
    let state = (0..5_u8, time()).prop_map(|(kind, at)| match kind {
        0 => DeliveryState::Pending { next: at },
        1 => DeliveryState::Delivered { at },
        2 => DeliveryState::Dead { at },
        3 => DeliveryState::Shadowed { at },
        _ => DeliveryState::Cancelled { at },
    });
    let counted = (any::<u32>(), option::of(time()));
    (
        trigger,
        state,
        counted,
        option::of(attempt()),
        option::of(bytes()),
    )
        .prop_map(|(trigger, state, (attempts, first_attempt), last, body)| {
            Hidden(DeliveryRecord {
                trigger,
                state,
                attempts,
                first_attempt,
                last,
                body,
            })
        })
}

proptest! {
    #[test]
    fn events_come_back(event in event(), targets in vec(target(), 0..5)) {
        let record = Bytes::from(encode_event(&event, &targets));
        let (read, read_targets) = decode_event(&tenant(), &id(), &record).unwrap();
        prop_assert!(read == event);
        prop_assert_eq!(read_targets, targets);
    }

    #[test]
    fn deliveries_come_back(delivery in delivery()) {
        let record = Bytes::from(delivery.0.encode());
        prop_assert!(DeliveryRecord::decode(&record).unwrap() == delivery.0);
    }

    #[test]
    fn attempts_come_back(attempt in attempt()) {
        let record = Bytes::from(encode_attempt(&attempt));
        prop_assert_eq!(decode_attempt(&record).unwrap(), attempt);
    }

    #[test]
    fn a_record_that_breaks_off_is_corrupt(event in event(), targets in vec(target(), 0..5), cut in any::<prop::sample::Index>()) {
        let mut record = encode_event(&event, &targets);
        record.truncate(cut.index(record.len()));
        let read = decode_event(&tenant(), &id(), &record.into());
        prop_assert!(matches!(read, Err(StoreError::Corrupt(_))));
    }

    #[test]
    fn a_changed_byte_never_panics(event in event(), delivery in delivery(), at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut record = encode_event(&event, &[Target::Inline]);
        let place = at.index(record.len());
        record[place] = to;
        let _ = decode_event(&tenant(), &id(), &record.into());
        let mut record = delivery.0.encode();
        let place = at.index(record.len());
        record[place] = to;
        let _ = DeliveryRecord::decode(&record.into());
    }

    #[test]
    fn noise_never_panics(noise in vec(any::<u8>(), 0..200)) {
        for version in [VERSION, EVENT_VERSION] {
            let record: Bytes = iter::once(version).chain(noise.iter().copied()).collect();
            let _ = decode_event(&tenant(), &id(), &record);
            let _ = DeliveryRecord::decode(&record);
            let _ = decode_attempt(&record);
        }
    }
}

/// Event with only this data.
fn bare(data: Bytes) -> Event {
    Event {
        id: id(),
        tenant: tenant(),
        kind: "a".parse().unwrap(),
        created: Timestamp::default(),
        accepted: Timestamp::default(),
        data,
        metadata: None,
        deliver_to: None,
        fate: Fate::Published,
        steps: vec![],
        rules: Default::default(),
        hops: Default::default(),
        trace: None,
    }
}

#[test]
fn data_is_compressed_when_it_pays() {
    let record = |data: Bytes| encode_event(&bare(data), &[]).len();
    assert!(record(vec![b'x'; 1024].into()) < 100);
    assert!(record(vec![b'x'; 1023].into()) > 1023);
}

#[test]
fn event_of_a_record_without_acceptance_was_accepted_when_created() {
    let event = Event {
        created: Timestamp::from_millis(5_000),
        accepted: Timestamp::from_millis(7_000),
        ..bare(Bytes::from_static(b"{}"))
    };
    let mut record = encode_event(&event, &[]);
    let mut accepted = Writer::new(VERSION, 16);
    accepted.time(event.accepted);
    record.truncate(record.len() - (accepted.finish().len() - 1));
    record[0] = VERSION;
    let (read, _) = decode_event(&tenant(), &id(), &record.into()).unwrap();
    assert_eq!(read.accepted, event.created);
}

#[test]
fn unsent_request_is_kept_up_to_a_bound() {
    let request = UnsentRequest {
        url: "u".repeat(100_000),
        query: true,
        headers: (0..1_000)
            .map(|n| (format!("x-{n}"), Some("v".repeat(1_000))))
            .collect(),
        more_headers: 0,
        body_digest: [7; 32],
        body_bytes: u64::MAX,
    };
    let made = Attempt {
        number: 1,
        started: Timestamp::default(),
        took: Duration::ZERO,
        outcome: Outcome::Shadowed {
            request: Box::new(request),
        },
        response: Vec::new(),
        steps: Vec::new(),
    };
    let record = Bytes::from(encode_attempt(&made));
    assert!(record.len() < 21 << 10, "{}", record.len());
    let Outcome::Shadowed { request } = decode_attempt(&record).unwrap().outcome else {
        panic!("another outcome");
    };
    let kept = request.headers.len();
    assert!(kept > 10 && kept + usize::try_from(request.more_headers).unwrap() == 1_000);
}

#[test]
fn another_layout_is_told() {
    let error = decode_attempt(&Bytes::from_static(&[9, 0])).unwrap_err();
    assert!(error.to_string().contains("layout 9"), "{error}");
}

/// Makes a record printable for proptest; `Debug` of records omits the content.
struct Hidden(DeliveryRecord);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeliveryRecord")
    }
}

#[test]
fn places_of_a_record_that_may_name_removed_keys_are_not_read() {
    let step = StepReport {
        plugin: "redact".to_owned(),
        version: "v".to_owned(),
        release: "1.0.0".into(),
        canary: false,
        result: StepResult::Passed,
        failure: None,
        took: Duration::ZERO,
        changed: vec!["/contacts/anna@example.com".to_owned()],
    };
    let mut out = Writer::new(VERSION, 64);
    write_step(&mut out, &step, &mut { MOST_CHANGED });
    let mut record = out.finish();
    let read = |record: &[u8]| {
        let record = Bytes::copy_from_slice(record);
        read_step(&mut Reader::new(&record, VERSION, "step").unwrap()).unwrap()
    };
    assert_eq!(read(&record), step);
    let tag = record
        .iter()
        .position(|&byte| byte == TOLD_IN_FULL | KEYS_WITHHELD)
        .unwrap();
    record[tag] = TOLD_IN_FULL;
    assert_eq!(read(&record).changed, ["…"]);
}
