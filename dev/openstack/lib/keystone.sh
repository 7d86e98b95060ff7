#!/usr/bin/env bash
# Keystone of dev/openstack, under uwsgi. Sourced after mariadb.sh; defines functions only.

keystone_packages() {
  mariadb_packages
  printf '%s\n' keystone uwsgi-plugin-python3 python3-openstackclient curl
}

keystone_port="${TROUPE_KEYSTONE_PORT:-15000}"
keystone_url="http://127.0.0.1:$keystone_port/v3"

keystone_manage() {
  setpriv --reuid keystone --regid keystone --clear-groups \
    keystone-manage --config-file "$site/keystone/keystone.conf" "$@" >>"$site/log/keystone-manage.log" 2>&1
}

# Its cache is its own memory's: there is one process. Without it every request takes ten times as long.
write_keystone_config() {
  local folder="$site/keystone"
  install -d -o keystone -g keystone -m 700 "$folder"
  (
    umask 077
    cat >"$folder/keystone.conf" <<CONF
[DEFAULT]
public_endpoint = http://127.0.0.1:$keystone_port/

[database]
connection = $(database_url keystone)

[token]
provider = fernet
expiration = 3600

[fernet_tokens]
key_repository = $folder/fernet-keys

[credential]
key_repository = $folder/credential-keys

[cache]
enabled = true
backend = dogpile.cache.memory

[identity]
password_hash_rounds = 4
CONF
    uwsgi_settings /usr/bin/keystone-wsgi-public >"$folder/uwsgi.ini"
  )
  chown keystone:keystone "$folder/keystone.conf" "$folder/uwsgi.ini"
}

# For "openstack --os-cloud admin", and for the tests.
write_clouds() {
  (
    umask 077
    cat >"$site/clouds.yaml" <<CONF
clouds:
  admin:
    auth:
      auth_url: $keystone_url
      username: admin
      password: $(password_of admin)
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
    region_name: $region
    identity_api_version: 3
CONF
  )
}

keystone_answers() { curl --silent --fail --noproxy '*' --max-time 5 "$keystone_url"; }

# start_keystone: up and answering, with its admin, the project "service" and the catalog's own entry.
start_keystone() {
  start_mariadb
  if is_up keystone && keystone_answers >/dev/null; then return 0; fi
  stop_process keystone
  refuse_taken_port keystone "$keystone_port" TROUPE_KEYSTONE_PORT || return 1
  ensure_database keystone
  write_keystone_config
  if [ ! -e "$site/keystone/made" ]; then
    echo "Making Keystone's tables"
    if ! keystone_manage db_sync ||
      ! keystone_manage fernet_setup --keystone-user keystone --keystone-group keystone ||
      ! keystone_manage credential_setup --keystone-user keystone --keystone-group keystone; then
      echo "dev/openstack/up: Keystone could not be made; see $site/log/keystone-manage.log" >&2
      return 1
    fi
    touch "$site/keystone/made"
  fi
  # Again at each start: the port may be another now.
  OS_BOOTSTRAP_PASSWORD="$(password_of admin)" keystone_manage bootstrap --bootstrap-region-id "$region" \
    --bootstrap-public-url "$keystone_url" --bootstrap-internal-url "$keystone_url" --bootstrap-admin-url "$keystone_url" || {
    echo "dev/openstack/up: Keystone could not be given its admin; see $site/log/keystone-manage.log" >&2
    return 1
  }
  write_clouds
  echo "Starting Keystone on 127.0.0.1:$keystone_port"
  start_process keystone OS_KEYSTONE_CONFIG_FILES="$site/keystone/keystone.conf" setpriv --reuid keystone --regid keystone --clear-groups \
    uwsgi_python3 --ini "$site/keystone/uwsgi.ini" --http-socket "127.0.0.1:$keystone_port"
  await_process keystone 60 keystone_answers
}
