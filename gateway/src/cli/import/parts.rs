//! Division of a document into parts of whole tenants, each small enough for one request.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use super::super::export::End;
use super::super::output::Failure;

/// Document in a file, and its division into parts.
pub(super) struct Document {
    file: File,
    name: String,
    header: Vec<u8>,
    pub(super) parts: Vec<Part>,
    /// Number of rows.
    pub(super) rows: u64,
}

/// Consecutive lines of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// First line, counted from 1.
    pub(super) first_line: u64,
    start: u64,
    bytes: u64,
    rows: u64,
}

/// Fields of a row that the division needs.
#[derive(Deserialize)]
struct Row {
    tenant: Option<String>,
}

impl Part {
    /// Line of the file for a line of the part's document.
    pub(super) fn line(&self, line: u64) -> u64 {
        // After the document's header.
        self.first_line + line.saturating_sub(2)
    }
}

impl Document {
    /// Reads a file once, to check that it is complete and to find the parts.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        Self::cut(path, PART_BYTES)
    }

    fn cut(path: &Path, most: u64) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let failed = |error: std::io::Error| Failure::of(&error).prefixed(&name);
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::new(file);
        let mut header = Vec::new();
        reader.read_until(b'\n', &mut header).map_err(failed)?;
        let (mut parts, mut part) = (Vec::new(), Part::default());
        let (mut tenant, mut rows, mut position, mut number) = (None, 0, header.len() as u64, 1);
        let (mut line, mut end) = (Vec::new(), None);
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line).map_err(failed)? as u64;
            if read == 0 {
                break;
            }
            number += 1;
            position += read;
            if line.trim_ascii().is_empty() {
                part.bytes += if end.is_none() { read } else { 0 };
                continue;
            }
            let last: Option<End> = serde_json::from_slice(&line).ok();
            end = last.filter(|last| last.kind == "end");
            if end.is_some() {
                continue;
            }
            let row: Option<Row> = serde_json::from_slice(&line).ok();
            let of = row.and_then(|row| row.tenant);
            if part.rows > 0 && part.bytes + read > most && of != tenant {
                parts.push(std::mem::take(&mut part));
            }
            if part.rows == 0 {
                (part.first_line, part.start, part.bytes) = (number, position - read, 0);
            }
            tenant = of;
            part.bytes += read;
            part.rows += 1;
            rows += 1;
        }
        if end.is_none_or(|end| end.rows != rows) {
            let failure = Failure::new(format!(
                "{name} was cut off: it does not end with the number of its rows"
            ));
            return Err(failure.hint("export it again"));
        }
        if part.rows > 0 || parts.is_empty() {
            parts.push(part);
        }
        if !header.ends_with(b"\n") {
            header.push(b'\n');
        }
        Ok(Self {
            file: reader.into_inner(),
            name,
            header,
            parts,
            rows,
        })
    }

    /// Reads a part as a document of its own.
    pub(super) fn read(&mut self, part: &Part) -> Result<Vec<u8>, Failure> {
        let failed = |error: std::io::Error| Failure::of(&error).prefixed(&self.name);
        let mut text = self.header.clone();
        self.file.seek(SeekFrom::Start(part.start)).map_err(failed)?;
        let mut rows = (&self.file).take(part.bytes);
        rows.read_to_end(&mut text).map_err(failed)?;
        if !text.ends_with(b"\n") {
            text.push(b'\n');
        }
        text.extend(json!({ "kind": "end", "rows": part.rows }).to_string().bytes());
        text.push(b'\n');
        Ok(text)
    }
}

/// Maximum size of a part in bytes, unless one tenant has more.
const PART_BYTES: u64 = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(lines: &[&str]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for line in lines {
            writeln!(file, "{line}").unwrap();
        }
        file
    }

    #[test]
    fn document_is_cut_between_tenants_into_documents() {
        let row = |tenant: &str, n: u32| format!(r#"{{"kind":"key","tenant":"{tenant}","n":{n}}}"#);
        let rows = [row("a", 1), row("a", 2), row("b", 3), String::new(), row("c", 4)];
        let mut lines = vec![r#"{"format":"x"}"#];
        lines.extend(rows.iter().map(String::as_str));
        lines.push(r#"{"kind":"end","rows":4}"#);
        let file = file(&lines);
        for (most, expected) in [
            (1, vec![vec![1, 2], vec![3], vec![4]]),
            (80, vec![vec![1, 2], vec![3, 4]]),
            (10_000, vec![vec![1, 2, 3, 4]]),
        ] {
            let mut document = Document::cut(file.path(), most).unwrap();
            let parts = document.parts.clone();
            let mut found = Vec::new();
            for part in &parts {
                let text = String::from_utf8(document.read(part).unwrap()).unwrap();
                let lines: Vec<_> = text.lines().filter(|line| !line.is_empty()).collect();
                assert_eq!(lines[0], r#"{"format":"x"}"#);
                let rows = &lines[1..lines.len() - 1];
                let end: End = serde_json::from_str(lines[lines.len() - 1]).unwrap();
                assert_eq!(end.rows, rows.len() as u64);
                let numbers = rows.iter().map(|row| {
                    let row: serde_json::Value = serde_json::from_str(row).unwrap();
                    row["n"].as_u64().unwrap()
                });
                found.push(numbers.collect::<Vec<_>>());
            }
            assert_eq!(found, expected, "{most}");
            let last = parts.last().unwrap();
            // Row 4 is on line 6 of the file, after a blank line.
            assert_eq!(last.line(1 + last.rows + u64::from(last.rows > 1)), 6, "{most}");
        }
        for cut in [&lines[..2], &[lines[0], lines[6]], &[]] {
            let file = self::file(cut);
            assert!(Document::open(file.path()).is_err(), "{cut:?}");
        }
    }
}
