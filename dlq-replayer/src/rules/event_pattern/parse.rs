//! Reading a pattern.

use std::{collections::HashSet, net::Ipv4Addr};

use serde_json::{Map, Value};

use super::{
    Fields, Node, PatternFault,
    leaf::{Comparison, Operand, Test, Wildcard},
};

/// A `$or` in which one of these names is a field is read as a plain field.
/// Source: the README of `aws/event-ruler`, the library that EventBridge matches with.
const RESERVED: [&str; 9] =
    ["exact", "equals-ignore-case", "prefix", "suffix", "anything-but", "numeric", "cidr", "exists", "wildcard"];

pub(super) fn pattern(text: &str) -> Result<Fields, PatternFault> {
    let value: Value = serde_json::from_str(text)
        .map_err(|error| PatternFault::NotJson { line: error.line(), column: error.column() })?;
    fields(value.as_object().ok_or(PatternFault::NotAnObject)?, "")
}

fn fields(object: &Map<String, Value>, path: &str) -> Result<Fields, PatternFault> {
    let mut read = Fields::default();
    for (name, value) in object {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if name == "$or" {
            match alternatives(value) {
                Some(objects) => {
                    let alternatives =
                        objects.into_iter().map(|object| fields(object, &path)).collect::<Result<_, _>>()?;
                    read.alternatives.push(alternatives);
                }
                None => read.named.push((name.clone(), Node::Unknown)),
            }
        } else {
            read.named.push((name.clone(), node(value, &path)?));
        }
    }
    read.shared = shared(&read);
    Ok(read)
}

fn node(value: &Value, path: &str) -> Result<Node, PatternFault> {
    match value {
        Value::Object(object) if !object.is_empty() => Ok(Node::Object(fields(object, path)?)),
        Value::Array(tests) if !tests.is_empty() => Ok(Node::Leaf(tests.iter().map(test).collect())),
        _ => Err(PatternFault::NotAField { field: path.to_owned() }),
    }
}

/// The objects of a `$or`; none when AWS reads it as a plain field.
fn alternatives(value: &Value) -> Option<Vec<&Map<String, Value>>> {
    let objects: Vec<_> = value.as_array()?.iter().map(Value::as_object).collect::<Option<_>>()?;
    let reserved = |object: &Map<_, _>| object.is_empty() || RESERVED.iter().any(|name| object.contains_key(*name));
    (objects.len() > 1 && !objects.iter().any(|object| reserved(object))).then_some(objects)
}

/// Names that stand among the fields and in a `$or`, or in two of them.
fn shared(fields: &Fields) -> Vec<String> {
    let mut seen: HashSet<&str> = fields.named.iter().map(|(name, _)| name.as_str()).collect();
    let mut shared = Vec::new();
    for alternatives in &fields.alternatives {
        let mut names = HashSet::new();
        for fields in alternatives {
            names_of(fields, &mut names);
        }
        shared.extend(names.iter().filter(|name| seen.contains(*name)).map(|name| (*name).to_owned()));
        seen.extend(names);
    }
    shared
}

fn names_of<'a>(fields: &'a Fields, names: &mut HashSet<&'a str>) {
    names.extend(fields.named.iter().map(|(name, _)| name.as_str()));
    for fields in fields.alternatives.iter().flatten() {
        names_of(fields, names);
    }
}

/// One value of a leaf: itself, or an operator.
fn test(value: &Value) -> Test {
    match value {
        Value::Object(object) => match (object.iter().next(), object.len()) {
            (Some((operator, operand)), 1) => operation(operator, operand).unwrap_or(Test::Unknown),
            _ => Test::Unknown,
        },
        Value::Array(_) => Test::Unknown,
        value => Test::Exact(value.clone()),
    }
}

/// None for an operator or an operand that is not documented.
fn operation(operator: &str, operand: &Value) -> Option<Test> {
    match operator {
        "exists" => operand.as_bool().map(Test::Exists),
        "anything-but" => anything_but(operand).map(Test::AnythingBut),
        "numeric" => numeric(operand.as_array()?).map(Test::Numeric),
        "cidr" => cidr(operand.as_str()?),
        _ => text(operator, operand),
    }
}

/// The operators on texts.
fn text(operator: &str, operand: &Value) -> Option<Test> {
    let text = || match operand {
        Value::String(text) => Some(Operand::Exact(text.clone())),
        Value::Object(object) if object.len() == 1 => {
            Some(Operand::IgnoringCase(object.get("equals-ignore-case")?.as_str()?.to_owned()))
        }
        _ => None,
    };
    match operator {
        "prefix" => text().map(Test::Prefix),
        "suffix" => text().map(Test::Suffix),
        "equals-ignore-case" => operand.as_str().map(|text| Test::EqualsIgnoringCase(text.to_owned())),
        "wildcard" => Wildcard::parse(operand.as_str()?).map(Test::Wildcard),
        _ => None,
    }
}

/// A value, a list of texts or of numbers, or an operator on texts with one operand or a list of them.
fn anything_but(operand: &Value) -> Option<Vec<Test>> {
    let excluded: Vec<_> = match operand {
        Value::Object(object) if object.len() == 1 => {
            let (operator, operand) = object.iter().next()?;
            list(operand).iter().map(|operand| text(operator, operand)).collect::<Option<_>>()?
        }
        Value::Object(_) => return None,
        value => list(value).iter().cloned().map(Test::Exact).collect(),
    };
    let texts = excluded.iter().all(Test::is_about_texts);
    let numbers = excluded.iter().all(|test| matches!(test, Test::Exact(Value::Number(_))));
    (!excluded.is_empty() && (texts || numbers)).then_some(excluded)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// One comparison or two, such as `[">", 0, "<=", 5]`.
fn numeric(operands: &[Value]) -> Option<Vec<(Comparison, f64)>> {
    if !matches!(operands.len(), 2 | 4) {
        return None;
    }
    let pairs = operands.chunks_exact(2).map(|pair| match pair {
        [operator, number] => Some((Comparison::of(operator.as_str()?)?, number.as_f64()?)),
        _ => None,
    });
    pairs.collect()
}

/// A block of IPv4 addresses; AWS takes blocks of IPv6 addresses too.
fn cidr(block: &str) -> Option<Test> {
    let (address, length) = block.split_once('/')?;
    let (address, length): (Ipv4Addr, u32) = (address.parse().ok()?, length.parse().ok()?);
    let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
    Some(Test::Cidr { network: address.to_bits() & mask, mask })
}
