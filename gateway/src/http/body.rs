//! Reads a request's body, at most so much of it and for at most so long.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::{Code, Problem};

/// How much and how long.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// The most bytes.
    pub max: usize,
    /// The longest time for all of it.
    pub time: Duration,
}

/// Reads all of it. What is too large is not kept, but taken for a moment: a client that is still sending when the connection
/// ends may never see the reply that says why (RFC 9112, section 9.6).
///
/// # Errors
/// `body_too_large`, `body_timeout`, `body_incomplete`; the connection ends with each of them.
pub async fn read<B>(mut body: B, limits: BodyLimits) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limits.max {
        if announced <= limits.max.saturating_add(DRAINED) {
            let _ = tokio::time::timeout(limits.time.min(DRAINED_FOR), drain(&mut body)).await;
        }
        return Err(too_large(limits.max));
    }
    // A body that arrived with its head is there at once, and then no timer is set.
    match tokio::time::timeout(limits.time, collect(&mut body, limits.max)).await {
        Ok(Err(problem)) if problem.code() == Code::BodyTooLarge => {
            let _ = tokio::time::timeout(limits.time.min(DRAINED_FOR), drain(&mut body)).await;
            Err(problem)
        }
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Code::BodyTimeout,
            format!("The body was not complete after {:?}.", limits.time),
        )
        .closing()),
    }
}

async fn collect<B>(body: &mut B, max: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    let Some(first) = next(body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > max {
        return Err(too_large(max));
    }
    let Some(second) = next(body).await? else {
        return Ok(first);
    };
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(max);
    let mut all = BytesMut::with_capacity((first.len() + second.len() + expected).min(max));
    all.extend_from_slice(&first);
    let mut chunk = second;
    loop {
        if all.len() + chunk.len() > max {
            return Err(too_large(max));
        }
        all.extend_from_slice(&chunk);
        match next(body).await? {
            Some(more) => chunk = more,
            None => return Ok(all.freeze()),
        }
    }
}

/// Takes what is still sent and leaves it, so much of it.
async fn drain<B>(body: &mut B)
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut left = DRAINED;
    while let Ok(Some(chunk)) = next(body).await
        && let Some(less) = left.checked_sub(chunk.len())
    {
        left = less;
    }
}

/// The next bytes; trailers are left out.
async fn next<B>(body: &mut B) -> Result<Option<Bytes>, Problem>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        if body.is_end_stream() {
            return Ok(None);
        }
        match body.frame().await {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(_)) => {
                return Err(Problem::new(
                    Code::BodyIncomplete,
                    "The connection broke, or the body is not framed as its headers say.",
                )
                .closing());
            }
        }
    }
}

fn too_large(max: usize) -> Problem {
    Problem::new(
        Code::BodyTooLarge,
        format!("The body has more than the {max} bytes that are allowed here."),
    )
    .closing()
}

/// How much is still taken of a body that is refused, and for how long.
const DRAINED: usize = 8 << 20;
const DRAINED_FOR: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    const LIMITS: BodyLimits = BodyLimits {
        max: 8,
        time: Duration::from_secs(5),
    };

    fn chunks(chunks: &[&'static str]) -> impl Body<Data = Bytes> + Unpin {
        let frames: Vec<Result<_, std::convert::Infallible>> = chunks
            .iter()
            .map(|chunk| Ok(Frame::data(Bytes::from_static(chunk.as_bytes()))))
            .collect();
        StreamBody::new(stream::iter(frames))
    }

    #[tokio::test]
    async fn as_much_as_is_allowed() {
        for (parts, expected) in [
            (&[][..], Ok("")),
            (&["12345678"], Ok("12345678")),
            (&["1234", "", "5678"], Ok("12345678")),
            (&["123456789"], Err(Code::BodyTooLarge)),
            (&["1234", "56789"], Err(Code::BodyTooLarge)),
        ] {
            let read = read(chunks(parts), LIMITS).await.map_err(|p| p.code());
            assert_eq!(
                read.as_deref().map_err(|c| *c),
                expected.map(str::as_bytes),
                "{parts:?}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_too_large_is_taken_to_its_end_within_bounds() {
        let refused = read(Full::new(Bytes::from_static(b"123456789")), LIMITS).await;
        assert_eq!(refused.map_err(|p| p.code()), Err(Code::BodyTooLarge));

        let taken = std::cell::Cell::new(0_usize);
        let endless = stream::repeat_with(|| {
            taken.set(taken.get() + 1);
            Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from_static(&[0; 1 << 20])))
        });
        let refused = read(StreamBody::new(endless), LIMITS).await;
        assert_eq!(refused.map_err(|p| p.code()), Err(Code::BodyTooLarge));
        assert_eq!(taken.get(), 1 + (DRAINED >> 20) + 1);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let silent = StreamBody::new(stream::pending::<Result<Frame<Bytes>, std::convert::Infallible>>());
        assert_eq!(
            read(
                silent,
                BodyLimits {
                    max: 8,
                    time: Duration::from_millis(10)
                }
            )
            .await
            .map_err(|p| p.code()),
            Err(Code::BodyTimeout)
        );
    }
}
