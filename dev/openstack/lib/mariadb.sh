#!/usr/bin/env bash
# The database of dev/openstack's services: a MariaDB of its own on a unix socket, never the machine's.
# Sourced after processes.sh; defines functions only.

mariadb_packages() { printf '%s\n' mariadb-server python3-pymysql; }

# sql <argument>...: the client, as the database's root, which the machine's root is.
sql() { mariadb --no-defaults --user=root --socket="$site/mariadb/socket" "$@"; }

# start_mariadb: up and answering; its data may go with the machine's power, so nothing waits for the disk.
start_mariadb() {
  if is_up mariadb; then return 0; fi
  local folder="$site/mariadb"
  if [ ! -e "$folder/made" ]; then
    rm -rf "$folder"
    install -d -o mysql -g mysql -m 711 "$folder"
    echo "Making a database in $folder"
    mariadb-install-db --no-defaults --datadir="$folder/data" --user=mysql --skip-test-db >"$site/log/mariadb-install.log" 2>&1 || {
      echo "dev/openstack/up: no database could be made; see $site/log/mariadb-install.log" >&2
      return 1
    }
    touch "$folder/made"
  fi
  start_process mariadb mariadbd --no-defaults --user=mysql --datadir="$folder/data" --socket="$folder/socket" \
    --pid-file="$folder/pid" --skip-networking --skip-log-bin --innodb-buffer-pool-size=64M --innodb-log-file-size=32M \
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --performance-schema=0 \
    --character-set-server=utf8mb3 --collation-server=utf8mb3_general_ci
  await_process mariadb 60 sql -e 'select 1'
}

# ensure_database <name>: a database, and a user of that name who may do anything in it alone.
ensure_database() {
  sql <<SQL
CREATE DATABASE IF NOT EXISTS $1;
CREATE USER IF NOT EXISTS '$1'@'localhost' IDENTIFIED BY '$(password_of "database-$1")';
GRANT ALL ON $1.* TO '$1'@'localhost';
SQL
}

# database_url <name>: as SQLAlchemy wants it.
database_url() {
  echo "mysql+pymysql://$1:$(password_of "database-$1")@localhost/$1?unix_socket=$site/mariadb/socket&charset=utf8"
}
