//! Defines how `documents.metadata` is built: every value in the order of the schema's fields.

use arrow::{
    array::{
        Array, ArrayBuilder, ArrayRef, Date32Builder, Float64Builder, ListBuilder, StringBuilder, StructArray,
        StructBuilder, UInt16Builder, UInt32Builder, UInt64Builder,
    },
    datatypes::Fields,
};
use corpus_format::table::metadata_fields;
use std::sync::Arc;

use super::rows::DocumentRow;
use crate::enrich::date::days;

/// Builder of the column.
pub struct MetadataBuilder(StructBuilder);

impl Default for MetadataBuilder {
    fn default() -> Self {
        Self(StructBuilder::from_fields(metadata_fields(), 0))
    }
}

impl MetadataBuilder {
    /// Add the metadata of a document.
    pub fn push(&mut self, row: &DocumentRow) {
        let mut fields = InOrder { builder: &mut self.0, at: 0 };
        let (statute, case) = (&row.statute, &row.case);
        fields.text(Some(statute.law.as_str()).filter(|law| !law.is_empty()));
        for day in [statute.promulgated, statute.effective, statute.repealed] {
            fields.day(day.map(days));
        }
        // What only the corpus as a whole can tell is added when the shards are written.
        fields.text(None);
        fields.day(statute.in_force_from.map(days));
        fields.day(None);
        fields.text(None);
        fields.text(None);
        fields.text(case.court_level.map(|level| level.as_str()));
        fields.text(case.province);
        fields.number16(case.number.as_ref().map(|number| number.year));
        let number = case.number.as_ref();
        let parts = number.map(|number| [&number.court, &number.case_type, &number.serial].map(String::as_str));
        (0..3).for_each(|i| fields.text(parts.map(|parts| parts[i])));
        fields.text(case.instance.map(|instance| instance.as_str()));
        fields.text(case.procedure.map(|procedure| procedure.as_str()));
        fields.text(case.cause.as_deref());
        fields.list(&case.charges, |items: &mut StringBuilder, charge| items.append_value(charge));
        fields.structs(&case.parties, |fields, party| {
            for value in [party.role.as_str(), party.kind.as_str(), &party.name] {
                fields.text(Some(value));
            }
        });
        fields.structs(&case.judges, |fields, judge| {
            for value in [&judge.role, &judge.name] {
                fields.text(Some(value));
            }
        });
        fields.text(case.outcome.map(|outcome| outcome.as_str()));
        fields.structs(&case.sentences, |fields, sentence| {
            fields.text(Some(sentence.penalty.as_str()));
            fields.number16(sentence.months);
            fields.number16(sentence.suspended_months);
            fields.next::<UInt64Builder>().append_option(sentence.fine_yuan);
        });
        fields.list(&case.amounts_yuan, |items: &mut Float64Builder, amount| items.append_value(*amount));
        fields.structs(&row.sections, |fields, span| {
            fields.text(Some(span.section.as_str()));
            for bound in [span.start, span.end] {
                fields.next::<UInt32Builder>().append_value(bound);
            }
        });
        self.0.append(true);
    }

    /// The column; the builder is empty afterwards.
    pub fn finish(&mut self) -> StructArray {
        self.0.finish()
    }
}

/// `metadata` with the columns of `changed` in the place of its own.
pub fn replaced(metadata: &StructArray, changed: &[(&str, ArrayRef)]) -> StructArray {
    let fields: Fields = metadata.fields().clone();
    let own = fields.iter().zip(metadata.columns());
    let columns = own.map(|(field, column)| {
        changed.iter().find(|(name, _)| name == field.name()).map_or_else(|| Arc::clone(column), |(_, new)| new.clone())
    });
    StructArray::new(fields.clone(), columns.collect(), metadata.nulls().cloned())
}

/// The fields of one row of a struct, each appended to once and in order.
struct InOrder<'a> {
    builder: &'a mut StructBuilder,
    at: usize,
}

impl InOrder<'_> {
    fn next<B: ArrayBuilder>(&mut self) -> &mut B {
        self.at += 1;
        let at = self.at - 1;
        self.builder.field_builder(at).unwrap_or_else(|| unreachable!("field {at} of metadata has another type"))
    }

    fn text(&mut self, value: Option<&str>) {
        self.next::<StringBuilder>().append_option(value);
    }

    fn day(&mut self, value: Option<i32>) {
        self.next::<Date32Builder>().append_option(value);
    }

    fn number16(&mut self, value: Option<u16>) {
        self.next::<UInt16Builder>().append_option(value);
    }

    /// A list, null where it has no item.
    fn list<T, B: ArrayBuilder>(&mut self, items: &[T], mut each: impl FnMut(&mut B, &T)) {
        let list = self.next::<ListBuilder<Box<dyn ArrayBuilder>>>();
        let Some(values) = list.values().as_any_mut().downcast_mut::<B>() else {
            unreachable!("a list of metadata has items of another type")
        };
        items.iter().for_each(|item| each(values, item));
        list.append(!items.is_empty());
    }

    fn structs<T>(&mut self, items: &[T], mut each: impl FnMut(&mut InOrder<'_>, &T)) {
        self.list(items, |builder: &mut StructBuilder, item| {
            each(&mut InOrder { builder, at: 0 }, item);
            builder.append(true);
        });
    }
}
