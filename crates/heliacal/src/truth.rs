//! From the labels in files to the classes of a taxonomy.

use std::collections::BTreeMap;

use heliacal_io::Record;
use heliacal_taxonomy::{ClassMap, CodeMap, NodeId, Taxonomy, gentype_of_sntype};

use crate::Result;

/// How the true class of an object is read from what its file says.
///
/// Names are always understood: a class of the taxonomy; a type of the Bright Transient Survey (`SN IIP`) where the
/// taxonomy is ORACLE's for it; and, where the taxonomy has ORACLE's class of that name, a model of ELAsTiCC (`KN_K17`,
/// `SNIb-Templates`), as a Parquet column or at the end of a folder's name, and any SALT model, which is a SN Ia. Type
/// codes are understood only when asked for, for the same code means different classes in different surveys.
///
/// ```
/// use heliacal::{Taxonomy, TruthMap};
///
/// let taxonomy = Taxonomy::oracle();
/// let truth = TruthMap::new(&taxonomy).with_codes([(90, "SNIa")])?; // the PLAsTiCC starter kit
/// let class = truth.class_of_name("KN_B19").map(|node| taxonomy.class_name(node));
/// assert_eq!(class, Some("KN"));
/// # Ok::<(), heliacal::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TruthMap {
    taxonomy: Taxonomy,
    models: ClassMap,
    /// ORACLE's classes, which the models' names lead to.
    model_taxonomy: Taxonomy,
    /// The types of the Bright Transient Survey, where the taxonomy is the one that they lead to.
    bts_types: Option<ClassMap>,
    codes: BTreeMap<i64, NodeId>,
}

impl TruthMap {
    /// Understands names, no codes.
    pub fn new(taxonomy: &Taxonomy) -> Self {
        Self {
            taxonomy: taxonomy.clone(),
            models: ClassMap::snana_models(),
            model_taxonomy: Taxonomy::oracle(),
            bts_types: (*taxonomy == Taxonomy::oracle_bts()).then(ClassMap::bts_types),
            codes: BTreeMap::new(),
        }
    }

    /// Also understands these type codes, in `SIM_TYPE_INDEX` and in `SNTYPE` (where SNANA adds 100 for objects without
    /// a spectrum).
    ///
    /// # Errors
    /// [`Error::UnknownName`](crate::Error::UnknownName) for a class that the taxonomy does not have.
    pub fn with_codes<C: AsRef<str>>(mut self, codes: impl IntoIterator<Item = (i64, C)>) -> Result<Self> {
        for (code, class) in codes {
            self.codes.insert(code, self.taxonomy.find(class.as_ref())?);
        }
        Ok(self)
    }

    /// Also understands ELAsTiCC2's type codes, as classes of ELAsTiCC's own taxonomy or of any that has ORACLE's names.
    #[must_use]
    pub fn with_elasticc_codes(mut self) -> Self {
        let elasticc = Taxonomy::elasticc();
        let (codes, names) = if self.taxonomy == elasticc {
            (CodeMap::elasticc_gentypes(), &elasticc)
        } else {
            (CodeMap::oracle_gentypes(), &self.model_taxonomy)
        };
        for (code, placement) in codes.iter() {
            let class = placement.node().map(|node| names.class_name(node));
            if let Some(node) = class.and_then(|class| self.taxonomy.find(class).ok()) {
                self.codes.insert(code, node);
            }
        }
        self
    }

    /// The class of a name: a class of the taxonomy, a type of the Bright Transient Survey, or a model of ELAsTiCC.
    pub fn class_of_name(&self, name: &str) -> Option<NodeId> {
        let bts = || self.bts_types.as_ref()?.get(name).ok()?.node();
        let model = || self.of_oracle(self.models.get(name).ok()?.node()?);
        self.taxonomy.find(name).ok().or_else(bts).or_else(model)
    }

    /// The class of an object, from the most to the least direct of what its file says: its named class, its type code,
    /// its simulated model, the name of its folder.
    pub fn class_of(&self, record: &Record) -> Option<NodeId> {
        let labels = &record.labels;
        let code = |code: Option<i64>| self.codes.get(&code?).copied();
        record
            .object
            .true_class
            .as_deref()
            .and_then(|name| self.class_of_name(name))
            .or_else(|| code(labels.sim_type_index))
            .or_else(|| code(labels.sntype))
            .or_else(|| code(labels.sntype.map(|sntype| gentype_of_sntype(sntype).0)))
            .or_else(|| self.of_model(labels.sim_model_name.as_deref()?))
            .or_else(|| self.of_oracle(self.models.get_suffix(labels.folder.as_deref()?).ok()?.node()?))
    }

    /// The SALT models are of SN Ia by definition (Guy et al. 2007); SNANA writes `SALT2.JLA-B14`, `SALT3.K21`.
    fn of_model(&self, model: &str) -> Option<NodeId> {
        if ["SALT2", "SALT3"].iter().any(|salt| model.starts_with(salt)) {
            return self.taxonomy.find("SNIa").ok();
        }
        self.class_of_name(model)
    }

    fn of_oracle(&self, node: NodeId) -> Option<NodeId> {
        self.taxonomy.find(self.model_taxonomy.class_name(node)).ok()
    }
}
