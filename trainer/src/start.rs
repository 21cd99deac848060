//! Makes the model that a run starts from: read or new, grown to the tokenizer, with adapters.

use vocab::{Tokenizer, init_map};

use crate::{
    Config, Error, Result,
    config::NewModel,
    model::{
        Architecture,
        grow::{self, ROW_MULTIPLE},
        lora::Lora,
        weights::{self, Weights},
    },
};

/// A model to start from.
pub struct Start {
    /// Its numbers.
    pub architecture: Architecture,
    /// Its tensors, grown to the tokenizer.
    pub weights: Weights,
    /// The adapters that are trained.
    pub adapter: Option<(Lora, Weights)>,
}

/// The numbers of the model that a run would train, and of its adapters, without reading a tensor.
///
/// # Errors
/// A configuration of a model that cannot be read.
pub fn architecture(config: &Config, tokenizer: &Tokenizer) -> Result<(Architecture, Option<Lora>)> {
    let rows = tokenizer.num_pieces().next_multiple_of(ROW_MULTIPLE);
    let architecture = match (&config.model.base, &config.model.new) {
        (Some(base), _) => {
            let read = Architecture::read(&base.join("config.json"))?;
            Architecture { vocab_size: read.vocab_size.max(rows), ..read }
        }
        (None, Some(new)) => new_architecture(config, new, rows)?,
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    let lora = match &config.model.adapter {
        Some(folder) => Some(Lora::read(folder, &architecture)?.0),
        None => config.lora.clone(),
    };
    Ok((architecture, lora))
}

/// The numbers of the model and the adapters that a run would train with a vocabulary of `vocab_size`.
///
/// # Errors
/// As [`architecture`].
pub fn shape(config: &Config, vocab_size: usize) -> Result<(Architecture, Option<Lora>)> {
    let architecture = match (&config.model.base, &config.model.new) {
        (Some(base), _) => Architecture { vocab_size, ..Architecture::read(&base.join("config.json"))? },
        (None, Some(new)) => new_architecture(config, new, vocab_size)?,
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    Ok((architecture, config.lora.clone()))
}

fn new_architecture(config: &Config, new: &NewModel, rows: usize) -> Result<Architecture> {
    let mut numbers = serde_json::json!(new);
    numbers["vocab_size"] = rows.into();
    numbers["max_position_embeddings"] = config.data.seq_len.max(2048).into();
    let architecture: Architecture =
        serde_json::from_value(numbers).map_err(|e| Error::invalid("model.new", e.to_string()))?;
    architecture.check().map_err(|what| Error::invalid("model.new", what))?;
    Ok(architecture)
}

/// The model to start from, with rows for all ids of the tokenizer.
///
/// # Errors
/// A model or adapter that is not whole, or does not fit the tokenizer.
pub fn start(config: &Config, tokenizer: &Tokenizer) -> Result<Start> {
    let (mut architecture, mut weights) = match (&config.model.base, &config.model.new) {
        (Some(base), _) => weights::read_folder(base)?,
        (None, Some(new)) => {
            let rows = tokenizer.num_pieces().next_multiple_of(ROW_MULTIPLE);
            let architecture = new_architecture(config, new, rows)?;
            let weights = weights::random(&architecture, config.seed)?;
            (architecture, weights)
        }
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    let (rows, pieces) = (architecture.vocab_size, tokenizer.num_pieces());
    if rows < pieces {
        let map = config.tokenizer.join("init_map.jsonl");
        if !map.exists() {
            let what = format!(
                "the tokenizer has {pieces} ids, the model {rows} rows, and there is no {} to grow it by",
                map.display()
            );
            return Err(Error::invalid("model.base", what));
        }
        grow::grow(&mut architecture, &mut weights, pieces, &init_map::read(&map)?)?;
    } else if rows > pieces.next_multiple_of(ROW_MULTIPLE) {
        let what =
            format!("the model has {rows} rows and the tokenizer {pieces} ids: it is not this model's tokenizer");
        return Err(Error::invalid("model.base", what));
    }
    let adapter = match (&config.model.adapter, &config.lora) {
        (Some(folder), _) => Some(Lora::read(folder, &architecture)?),
        (None, Some(lora)) => Some((lora.clone(), lora.fresh(&architecture, config.seed)?)),
        (None, None) => None,
    };
    Ok(Start { architecture, weights, adapter })
}
