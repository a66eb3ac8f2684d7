//! The settings of a server: defaults, and what a builder puts in their place.

/// Names and values, each name once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings(Vec<(String, String)>);

impl Settings {
    pub(crate) fn new(defaults: &[(&str, &str)]) -> Settings {
        let mut settings = Settings::default();
        defaults.iter().for_each(|(name, value)| settings.set(name, value));
        settings
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// One line for each, as `line` writes it.
    pub(crate) fn lines(&self, line: impl Fn(&str, &str) -> String) -> String {
        self.0.iter().map(|(name, value)| line(name, value) + "\n").collect()
    }
}
