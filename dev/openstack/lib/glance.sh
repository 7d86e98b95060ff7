#!/usr/bin/env bash
# Glance of dev/openstack, with a store of files. Sourced after catalog.sh; defines functions only.

glance_packages() {
  keystone_packages
  printf '%s\n' glance-api
}

glance_port="${TROUPE_GLANCE_PORT:-19292}"
glance_url="http://127.0.0.1:$glance_port"

glance_manage() {
  setpriv --reuid glance --regid glance --clear-groups \
    glance-manage --config-file "$site/glance/glance-api.conf" "$@" >>"$site/log/glance-manage.log" 2>&1
}

# One process: Debian's Glance is run by eventlet, not by uwsgi, under which it can't take uploads.
write_glance_config() {
  local folder="$site/glance"
  install -d -o glance -g glance -m 700 "$folder"
  install -d -o glance -g glance -m 700 "$folder/images" "$folder/staging" "$folder/tasks" "$folder/locks"
  (
    umask 077
    cat >"$folder/glance-api.conf" <<CONF
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $glance_port
workers = 0
enabled_backends = file:file

[glance_store]
default_backend = file

[file]
filesystem_store_datadir = $folder/images

[os_glance_staging_store]
filesystem_store_datadir = $folder/staging

[os_glance_tasks_store]
filesystem_store_datadir = $folder/tasks

[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini

[oslo_concurrency]
lock_path = $folder/locks

[database]
connection = $(database_url glance)
max_pool_size = 5

$(authtoken_of glance)
CONF
  )
  chown glance:glance "$folder/glance-api.conf"
}

glance_answers() { curl --silent --noproxy '*' --max-time 5 --output /dev/null "$glance_url/"; }

# start_glance: up and answering, and in the catalog.
start_glance() {
  start_keystone
  if is_up glance && glance_answers; then return 0; fi
  stop_process glance
  refuse_taken_port glance "$glance_port" TROUPE_GLANCE_PORT || return 1
  ensure_database glance
  write_glance_config
  if [ ! -e "$site/glance/made" ]; then
    echo "Making Glance's tables"
    if ! glance_manage db_sync; then
      echo "dev/openstack/up: Glance could not be made; see $site/log/glance-manage.log" >&2
      return 1
    fi
    touch "$site/glance/made"
  fi
  # Again at each start: the port may be another now.
  if ! register_service glance image "$glance_url" >>"$site/log/glance-manage.log" 2>&1; then
    echo "dev/openstack/up: Glance could not be made known to Keystone; see $site/log/glance-manage.log" >&2
    return 1
  fi
  echo "Starting Glance on 127.0.0.1:$glance_port"
  start_process glance setpriv --reuid glance --regid glance --clear-groups \
    glance-api --config-file "$site/glance/glance-api.conf"
  await_process glance 60 glance_answers
}
