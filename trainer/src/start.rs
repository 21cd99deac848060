//! Makes the model that a run starts from: read or new, grown to the tokenizer, with adapters.

use std::path::{Path, PathBuf};

use corpus_format::reader::hex;
use sha2::{Digest, Sha256};
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
    /// The folder that holds these weights; none of a new model and of one that was grown.
    pub base: Option<PathBuf>,
}

/// The numbers of the model that a run would train, and of its adapters, without reading a tensor.
///
/// # Errors
/// A configuration of a model that cannot be read.
pub fn architecture(config: &Config, tokenizer: &Tokenizer) -> Result<(Architecture, Option<Lora>)> {
    let num_pieces = tokenizer.num_pieces();
    let architecture = match (&config.model.base, &config.model.new) {
        (Some(base), _) => {
            let read = Architecture::read(&base.join("config.json"))?;
            Architecture { vocab_size: num_rows(read.vocab_size, num_pieces)?, ..read }
        }
        (None, Some(new)) => new_architecture(config, new, num_pieces.next_multiple_of(ROW_MULTIPLE))?,
        (None, None) => return Err(Error::invalid("model", "it names neither base nor new")),
    };
    let lora = match &config.model.adapter {
        Some(folder) => Some(Lora::read(folder, &architecture)?.0),
        None => config.lora.clone(),
    };
    if let Some(lora) = &lora {
        lora.check_on(&architecture).map_err(|what| Error::invalid("lora", what))?;
    }
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

/// Rows of embedding and head for a tokenizer: the base's, or more where it has too few.
fn num_rows(of_base: usize, num_pieces: usize) -> Result<usize> {
    let padded = num_pieces.next_multiple_of(ROW_MULTIPLE);
    if of_base > padded {
        let what = format!(
            "the model has {of_base} rows and the tokenizer {num_pieces} ids: it is not this model's tokenizer"
        );
        return Err(Error::invalid("model.base", what));
    }
    Ok(if of_base < num_pieces { padded } else { of_base })
}

/// SHA-256 of a tokenizer's model.
pub fn hash_tokenizer(tokenizer: &Tokenizer) -> String {
    hex(&Sha256::digest(tokenizer.to_bytes()))
}

/// SHA-256 over the files of the base, and of the adapter that is gone on with; none of a new model.
///
/// # Errors
/// A base or an adapter that is not there.
pub fn hash_base(config: &Config) -> Result<Option<String>> {
    let base = config.model.base.as_ref().map(|base| weights::hash_folder(base)).transpose()?;
    let Some(adapter) = &config.model.adapter else { return Ok(base) };
    let adapter = Lora::hash_folder(adapter)?;
    Ok(Some(hex(&Sha256::digest(base.unwrap_or_default() + &adapter))))
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
    let (architecture, lora) = architecture(config, tokenizer)?;
    let (mut of_base, mut weights) = match &config.model.base {
        Some(base) => weights::read_folder(base)?,
        None => (architecture.clone(), weights::random(&architecture, config.seed)?),
    };
    let (rows, pieces) = (of_base.vocab_size, tokenizer.num_pieces());
    let is_grown = rows < architecture.vocab_size;
    if is_grown {
        // Beside the tokenizer's model, where that is named and not its folder.
        let folder =
            if config.tokenizer.is_dir() { Some(config.tokenizer.as_path()) } else { config.tokenizer.parent() };
        let map = folder.unwrap_or(Path::new("")).join("init_map.jsonl");
        if !map.exists() {
            let what = format!(
                "the tokenizer has {pieces} ids, the model {rows} rows, and there is no {} to grow it by",
                map.display()
            );
            return Err(Error::invalid("model.base", what));
        }
        grow::grow(&mut of_base, &mut weights, pieces, &init_map::read(&map)?)?;
    }
    let adapter = match (&config.model.adapter, lora) {
        (Some(folder), _) => Some(Lora::read(folder, &architecture)?),
        (None, Some(lora)) => {
            let fresh = lora.fresh(&architecture, config.seed)?;
            Some((lora, fresh))
        }
        (None, None) => None,
    };
    let base = config.model.base.clone().filter(|_| !is_grown);
    Ok(Start { architecture, weights, adapter, base })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_the_base_s_or_enough_for_the_tokenizer() {
        assert_eq!(num_rows(101, 100).unwrap(), 101, "as it is, also where it is no multiple");
        assert_eq!(num_rows(101, 101).unwrap(), 101);
        assert_eq!(num_rows(101, 102).unwrap(), 128);
        assert_eq!(num_rows(128, 101).unwrap(), 128);
        assert!(num_rows(129, 101).unwrap_err().to_string().contains("the model has 129 rows"));
    }
}
