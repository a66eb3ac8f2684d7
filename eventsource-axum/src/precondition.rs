//! What a request demands of the aggregate before anything is done: `If-Match` and `If-None-Match`.

use eventsource_core::{Aggregate, Conflict, ExpectedVersion, Repository, StoreError, Version};
use http::header::{HeaderMap, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, StatusCode};

use crate::Problem;
use crate::etag::{EntityTag, entity_tags};

/// What a request demands of the aggregate before anything is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    /// `If-Match: *`
    Exists,
    /// `If-None-Match: *`
    IsNew,
    /// `If-Match` with tags: the versions that they name, of which one must be the aggregate's.
    IsOneOf(Vec<Version>),
}

/// What is expected where no tag names a version: no stream is there, so the conflict tells where this one is.
const NOWHERE: Version = Version(u64::MAX);

impl Precondition {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Self>, Problem> {
        match (joined(headers, &IF_MATCH), joined(headers, &IF_NONE_MATCH)) {
            (None, None) => Ok(None),
            (Some(list), None) if list == b"*" => Ok(Some(Self::Exists)),
            (Some(list), None) => match entity_tags(&list) {
                Some(tags) => Ok(Some(Self::IsOneOf(tags.into_iter().filter_map(EntityTag::version).collect()))),
                None => Err(Problem::bad_request("If-Match takes `*`, or entity tags in quotes: `\"3\"`")),
            },
            (None, Some(list)) if list == b"*" => Ok(Some(Self::IsNew)),
            // To pass over it would be to act against what was asked.
            (None, Some(_)) => Err(Problem::bad_request("a command takes no other If-None-Match than `*`")),
            (Some(_), Some(_)) => Err(Problem::bad_request("a command takes If-Match or If-None-Match, not both")),
        }
    }

    /// The version to be expected. Only a choice of several needs to know where the stream stands; if that moves
    /// meanwhile, the answer is a conflict.
    pub(crate) async fn expected<A: Aggregate>(
        &self,
        aggregates: &Repository<A>,
        id: &str,
    ) -> Result<ExpectedVersion, StoreError> {
        Ok(match self {
            Self::Exists => ExpectedVersion::StreamExists,
            Self::IsNew => ExpectedVersion::NoStream,
            Self::IsOneOf(versions) => ExpectedVersion::Exact(match versions[..] {
                [] => NOWHERE,
                [version] => version,
                [first, ..] => {
                    let stands = aggregates.load(id).await?.version;
                    if versions.contains(&stands) { stands } else { first }
                }
            }),
        })
    }

    /// What the client is told of a conflict: 412 where the demand is not met.
    pub(crate) fn failed(&self, conflict: Conflict) -> Problem {
        if self.is_met_by(conflict.actual) {
            // It would have been done, had not others been faster in every attempt.
            return conflict.into();
        }
        let status = StatusCode::PRECONDITION_FAILED;
        if matches!(self, Self::IsOneOf(versions) if versions.is_empty()) {
            let Conflict { stream, actual, .. } = conflict;
            let detail = "If-Match names no version: a weak tag, or one that was not given out for this, never matches";
            return Problem::new(status).detail(detail).with("stream", stream.as_str()).with("actual", actual.0);
        }
        Problem::of_conflict(status, &conflict)
    }

    fn is_met_by(&self, version: Version) -> bool {
        match self {
            Self::Exists => version != Version(0),
            Self::IsNew => version == Version(0),
            Self::IsOneOf(versions) => versions.contains(&version),
        }
    }
}

/// All lines of a header as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines: Vec<&[u8]> = headers.get_all(name).iter().map(HeaderValue::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(&b", "[..]).trim_ascii().to_vec())
}
