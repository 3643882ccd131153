//! Bound on the visits of a schema to one value, which bounds the time of a check.
//!
//! A schema that refers to itself twice at each step down would visit a value of depth 64 more
//! often than any program could. The bound is computed from the graph only, for values as deep as
//! events can be, and a schema above it is refused.

use super::SchemaProblem;
use super::graph::{Graph, Node, NodeId};

/// Refuses a schema that refers to itself without a step down, or that visits a value too often.
pub(super) fn check(graph: &Graph) -> Result<(), Vec<SchemaProblem>> {
    let order = order(graph)?;
    // Number of visits to a value this many steps down, for each subschema, per visit of its own
    // value.
    let mut looks: Vec<u64> = vec![0; graph.nodes.len()];
    for depth in 0..=DEEPEST {
        let mut now = vec![0; looks.len()];
        for &id in &order {
            let node = &graph.nodes[id];
            let own = if depth == 0 { 1 } else { below(node, &looks) };
            let others = node
                .in_place()
                .fold(0_u64, |sum, other| sum.saturating_add(now[other]));
            let times = if node.again { 3 } else { 1 };
            now[id] = own.saturating_add(others.saturating_mul(times));
        }
        looks = now;
        for root in graph.roots() {
            let looks = looks.get(root).copied().unwrap_or_default();
            if looks > MOST_LOOKS {
                let message = format!(
                    "it looks at a value that is {depth} steps deep up to {looks} times; at most {MOST_LOOKS} are taken"
                );
                let pointer = graph.nodes[root].pointer.clone();
                return Err(vec![SchemaProblem::new(pointer, message)]);
            }
        }
    }
    Ok(())
}

/// Number of visits to the most visited member or element.
fn below(node: &Node, looks: &[u64]) -> u64 {
    let most = |nodes: &mut dyn Iterator<Item = NodeId>| nodes.map(|id| looks[id]).max().unwrap_or(0);
    let member = most(&mut node.named.values().copied().chain(node.rest));
    let element = most(&mut node.first.iter().copied().chain(node.items));
    let always = node
        .patterns
        .iter()
        .map(|(_, id)| *id)
        .chain(node.beside.iter().copied());
    always.fold(member.max(element), |sum, id| sum.saturating_add(looks[id]))
}

/// Topological order: each subschema follows those that it applies to the same value.
fn order(graph: &Graph) -> Result<Vec<NodeId>, Vec<SchemaProblem>> {
    let mut states = vec![State::New; graph.nodes.len()];
    let mut order = Vec::with_capacity(graph.nodes.len());
    for start in 0..graph.nodes.len() {
        let mut stack = vec![(start, false)];
        while let Some((id, left)) = stack.pop() {
            if left {
                states[id] = State::Done;
                order.push(id);
                continue;
            }
            match states[id] {
                State::Done => continue,
                State::Entered => {
                    let message = "it refers to itself without a step down, so that a check would never end";
                    return Err(vec![SchemaProblem::new(graph.nodes[id].pointer.clone(), message)]);
                }
                State::New => {}
            }
            states[id] = State::Entered;
            stack.push((id, true));
            let next = graph.nodes[id].in_place();
            stack.extend(
                next.filter(|&next| states[next] != State::Done)
                    .map(|next| (next, false)),
            );
        }
    }
    Ok(order)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Entered,
    Done,
}

const MOST_LOOKS: u64 = 256;
/// Maximum depth of events.
const DEEPEST: usize = 128;
