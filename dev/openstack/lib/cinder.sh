#!/usr/bin/env bash
# Cinder of dev/openstack: its API, its scheduler, and one that keeps volumes as sparse files, given out as loop devices: every
# kernel has these. Sourced after rabbitmq.sh; defines functions only.

cinder_packages() {
  keystone_packages
  rabbitmq_packages
  # dmidecode: os-brick asks it who this machine is, and fails where it is missing.
  printf '%s\n' cinder-api cinder-scheduler cinder-volume python3-os-brick dmidecode
}

cinder_port="${TROUPE_CINDER_PORT:-18776}"
cinder_url="http://127.0.0.1:$cinder_port/v3/%(project_id)s"

cinder_manage() {
  cinder-manage --config-file "$site/cinder/cinder.conf" "$@" >>"$site/log/cinder-manage.log" 2>&1
}

# It runs as root, as does what keeps the volumes: loop devices are root's.
write_cinder_config() {
  local folder="$site/cinder"
  install -d -m 700 "$folder" "$folder/volumes" "$folder/locks"
  (
    umask 077
    cat >"$folder/cinder.conf" <<CONF
[DEFAULT]
state_path = $folder
host = troupe
my_ip = 127.0.0.1
auth_strategy = keystone
api_paste_config = /etc/cinder/api-paste.ini
rootwrap_config = /etc/cinder/rootwrap.conf
transport_url = rabbit://guest:guest@127.0.0.1:$rabbitmq_port/
enabled_backends = loop
default_volume_type = __DEFAULT__
volume_clear = none
report_interval = 2
periodic_interval = 2

[loop]
volume_driver = troupe_cinder_loop.LoopVolumeDriver
volume_backend_name = loop
loop_dir = $folder/volumes

[coordination]
backend_url = file://$folder

[oslo_concurrency]
lock_path = $folder/locks

[database]
connection = $(database_url cinder)
max_pool_size = 5

$(authtoken_of cinder)
CONF
    uwsgi_settings /usr/bin/cinder-wsgi "--config-file=$folder/cinder.conf" >"$folder/uwsgi.ini"
  )
}

cinder_answers() { curl --silent --noproxy '*' --max-time 5 --output /dev/null "http://127.0.0.1:$cinder_port/"; }

# Its own word for it, and the scheduler's: volumes can be made.
cinder_is_whole() {
  cinder_manage service list && sql -N -e "select count(*) from cinder.services where deleted = 0 and \`binary\` in ('cinder-volume', 'cinder-scheduler') and updated_at > utc_timestamp() - interval 20 second" | grep -qx 2
}

start_cinder_workers() {
  is_up cinder-scheduler || start_process cinder-scheduler cinder-scheduler --config-file "$site/cinder/cinder.conf"
  is_up cinder-volume || start_process cinder-volume PYTHONPATH="$here/cinder" PYTHONDONTWRITEBYTECODE=1 cinder-volume --config-file "$site/cinder/cinder.conf"
  await_process cinder-volume 60 cinder_is_whole
}

# start_cinder: up and answering, in the catalog, with a place to keep volumes.
start_cinder() {
  start_keystone
  start_rabbitmq
  if is_up cinder && is_up cinder-scheduler && is_up cinder-volume && cinder_answers; then return 0; fi
  # What lives is left alone where only the volumes' or the scheduler's process has ended.
  if is_up cinder && cinder_answers; then
    start_cinder_workers
    return
  fi
  local process
  for process in cinder cinder-scheduler cinder-volume; do stop_process "$process"; done
  refuse_taken_port cinder "$cinder_port" TROUPE_CINDER_PORT || return 1
  ensure_database cinder
  write_cinder_config
  if [ ! -e "$site/cinder/made" ]; then
    echo "Making Cinder's tables"
    if ! cinder_manage db sync; then
      echo "dev/openstack/up: Cinder could not be made; see $site/log/cinder-manage.log" >&2
      return 1
    fi
    touch "$site/cinder/made"
  fi
  # Again at each start: the port may be another now.
  if ! register_service cinder block-storage "$cinder_url" >>"$site/log/cinder-manage.log" 2>&1; then
    echo "dev/openstack/up: Cinder could not be made known to Keystone; see $site/log/cinder-manage.log" >&2
    return 1
  fi
  await_rabbitmq
  echo "Starting Cinder on 127.0.0.1:$cinder_port"
  start_process cinder uwsgi_python3 --ini "$site/cinder/uwsgi.ini" --http-socket "127.0.0.1:$cinder_port"
  start_cinder_workers
  await_process cinder 60 cinder_answers
}

# clear_cinder: takes away the loop devices of its volumes, which somebody who was killed has left connected.
clear_cinder() {
  local device file
  while read -r device file; do
    case "$file" in "$site"/cinder/volumes/*) losetup --detach "$device" ;; esac
  done < <(losetup --list --noheadings --output NAME,BACK-FILE)
}
