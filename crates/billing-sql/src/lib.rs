//! SeaORM entities, migrations, mapping and queries shared by both databases.
