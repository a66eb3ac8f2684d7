SELECT position, version, {form} AS form, name, data
FROM {es}.events WHERE stream = $1 AND version > $2 ORDER BY version {as_found}
