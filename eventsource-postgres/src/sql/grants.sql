-- What a role without DDL rights needs to run the application; the schema and the role are filled in, quoted.
GRANT USAGE ON SCHEMA {es} TO {role};
GRANT SELECT ON ALL TABLES IN SCHEMA {es} TO {role};
GRANT INSERT ON {es}.events, {es}.snapshots, {es}.checkpoints, {es}.types TO {role};
GRANT UPDATE ON {es}.snapshots, {es}.checkpoints, {es}.turn TO {role};
GRANT INSERT, UPDATE, DELETE ON {es}.parked TO {role};
GRANT USAGE ON SEQUENCE {es}.events_position_seq TO {role};
