//! Import: a document is read and planned as a whole before any write, then applied.
//!
//! It is applied tenant by tenant, each in one commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::super::Api;
use super::super::subscriptions::act;
use super::read::{self, Document};
use super::report::Report;
use crate::http::{Code, Problem, RefusedRow};
use hookgate_contract::privacy::Authority;
use hookgate_domain::TenantId;
use hookgate_registry::{Begin, ImportMode, ImportRules, Outcome, RowKind, RowOutcome, TenantImport};

/// Import that was requested.
pub(super) struct Import {
    pub api: Api,
    /// Only tenant that the document may be about.
    pub own: Option<TenantId>,
    pub authority: Authority,
    pub mode: ImportMode,
    pub begin: Begin,
}

/// Plan of a tenant's rows.
struct Planned {
    import: Arc<TenantImport>,
    outcomes: Vec<RowOutcome>,
    /// Problems of rows that the registry would accept, by line.
    refused: HashMap<usize, Problem>,
}

impl Import {
    /// Reads, plans and applies a document.
    ///
    /// # Errors
    /// `invalid_import`, `import_refused`, `body_too_large`; or the error that prevents a tenant
    /// from being read or written: then the tenants before it are imported.
    pub(super) async fn run(self, bytes: Bytes) -> Result<Report, Problem> {
        let (document, mut report, rules) = self.read(bytes).await?;
        if self.mode == ImportMode::RowByRow {
            self.row_by_row(&document, &mut report, &rules).await?;
            return Ok(report.sorted());
        }
        for import in &document.tenants {
            let planned = self.plan(import, &rules).await?;
            planned.report(&mut report);
        }
        if self.mode == ImportMode::DryRun {
            return Ok(report.sorted());
        }
        let report = report.into_refusal(0)?;
        for (done, import) in document.tenants.iter().enumerate() {
            let part = Part {
                done,
                of: document.tenants.len(),
            };
            let applied = self.apply(Arc::clone(import), self.mode, &rules).await;
            let outcomes = applied.map_err(|problem| part.problem(problem))?;
            // The tenant was changed since it was planned.
            let mut late = Report::new(false, self.api.config.max_import_rows_shown);
            late.rows = report.rows;
            let refused = outcomes.into_iter().filter(|row| row.outcome.is_refused());
            refused.for_each(|row| late.add(&import.id, row));
            late.into_refusal(done).map_err(|problem| part.problem(problem))?;
        }
        Ok(report.sorted())
    }

    /// Reads the document on the blocking thread pool, off the threads that serve requests.
    async fn read(&self, bytes: Bytes) -> Result<(Document, Report, ImportRules), Problem> {
        let (api, own) = (self.api.clone(), self.own.clone());
        let mut report = Report::new(
            self.mode == ImportMode::DryRun,
            self.api.config.max_import_rows_shown,
        );
        let (authority, begin) = (self.authority, self.begin);
        let read = tokio::task::spawn_blocking(move || {
            let document = read::read(&api, &bytes, own.as_ref(), &mut report)?;
            report.rows = document.rows;
            report.tenants = document.tenants.len();
            let rows = document.tenants.iter().flat_map(|tenant| &tenant.subscriptions);
            let wanted = rows.map(|row| row.value.id).collect();
            let rules = ImportRules {
                authority,
                mode: ImportMode::DryRun,
                begin,
                owners: Arc::new(api.registry.subscription_owners(&wanted)),
            };
            Ok((document, report, rules))
        });
        match read.await {
            Ok(read) => read,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(Problem::new(Code::Overloaded, "The gateway is ending.")),
            },
        }
    }

    async fn row_by_row(
        &self,
        document: &Document,
        report: &mut Report,
        rules: &ImportRules,
    ) -> Result<(), Problem> {
        let of = document.tenants.len();
        for (done, import) in document.tenants.iter().enumerate() {
            let part = Part { done, of };
            let planned = self.plan(import, rules).await;
            let planned = planned.map_err(|problem| part.problem(problem))?;
            let mut taken = TenantImport::clone(import);
            taken.retain(|line| !planned.refused.contains_key(&line));
            let applied = self.apply(Arc::new(taken), self.mode, rules).await;
            let outcomes = applied.map_err(|problem| part.problem(problem))?;
            let kept = planned
                .outcomes
                .into_iter()
                .filter(|row| planned.refused.contains_key(&row.line));
            let planned = Planned {
                import: planned.import,
                outcomes: kept.chain(outcomes).collect(),
                refused: planned.refused,
            };
            planned.report(report);
        }
        Ok(())
    }

    async fn apply(
        &self,
        import: Arc<TenantImport>,
        mode: ImportMode,
        rules: &ImportRules,
    ) -> Result<Vec<RowOutcome>, Problem> {
        let tenant = import.id.clone();
        let rules = ImportRules {
            mode,
            ..rules.clone()
        };
        let outcomes = self.api.registry.import_tenant(import, rules).await?;
        let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|row| is(&row.outcome)).count();
        let created = count(|outcome| matches!(outcome, Outcome::Created));
        let changed = count(|outcome| matches!(outcome, Outcome::Changed(_)));
        tracing::info!(%tenant, created, changed, "tenant.imported");
        Ok(outcomes)
    }

    /// Plans a tenant's rows, including the check of URLs and headers.
    async fn plan(&self, import: &Arc<TenantImport>, rules: &ImportRules) -> Result<Planned, Problem> {
        let rules = rules.clone();
        let outcomes = self.api.registry.import_tenant(Arc::clone(import), rules).await?;
        let refused = self.not_admitted(import, &outcomes).await;
        Ok(Planned {
            import: Arc::clone(import),
            outcomes,
            refused,
        })
    }

    /// Subscription rows with a new URL or headers that this gateway does not send to or with.
    async fn not_admitted(&self, import: &TenantImport, outcomes: &[RowOutcome]) -> HashMap<usize, Problem> {
        let changes = |field: &str| {
            let rows = outcomes
                .iter()
                .filter(|row| row.kind == RowKind::Subscription)
                .filter(|row| match &row.outcome {
                    Outcome::Created => true,
                    Outcome::Changed(fields) => fields.contains(&field),
                    Outcome::Unchanged | Outcome::Refused(_) => false,
                });
            rows.map(|row| row.line).collect::<HashSet<_>>()
        };
        let (urls, headers) = (changes("url"), changes("headers"));
        let rows = &import.subscriptions;
        let mut refused: HashMap<_, _> = rows
            .iter()
            .filter(|row| headers.contains(&row.line))
            .filter_map(|row| {
                let checked = act::check_headers(&self.api, &row.value.spec.headers);
                Some((row.line, checked.err()?))
            })
            .collect();
        let new: Vec<_> = rows.iter().filter(|row| urls.contains(&row.line)).collect();
        let dialled: Vec<_> = new.iter().map(|row| &row.value.spec.url).collect();
        let verdicts = self.api.egress.admit_all(&dialled).await;
        for (row, verdict) in new.iter().zip(verdicts) {
            if let Err(not_admitted) = verdict {
                refused.insert(row.line, act::refusal(&not_admitted));
            }
        }
        refused
    }
}

impl Planned {
    fn report(self, report: &mut Report) {
        let Self {
            import,
            outcomes,
            refused,
        } = self;
        for row in outcomes {
            match refused.get(&row.line) {
                Some(problem) => {
                    let refused = RefusedRow::new(row.line, problem);
                    let kind = row.kind.word().to_owned();
                    report.refuse(refused.about(kind, import.id.to_string(), row.id));
                }
                None => report.add(&import.id, row),
            }
        }
    }
}

/// Progress of an import.
#[derive(Clone, Copy)]
struct Part {
    done: usize,
    of: usize,
}

impl Part {
    /// Adds the progress to the problem of a failure half-way.
    fn problem(self, problem: Problem) -> Problem {
        let Self { done, of } = self;
        let fix = format!(
            "{done} of {of} tenants are imported. {} Then send the same document again: what is imported already is left as it is.",
            problem.remedy()
        );
        problem.fix(fix)
    }
}
