#!/usr/bin/env bash
# The message queue between a service's server and its agents: a RabbitMQ of its own, with its own port mapper.
# Sourced after processes.sh; defines functions only.

rabbitmq_packages() { printf '%s\n' rabbitmq-server; }

rabbitmq_port="${TROUPE_RABBITMQ_PORT:-15672}"
# Of Erlang between nodes, of which there is one; at RabbitMQ's usual distance.
rabbitmq_nodes_port=$((rabbitmq_port + 20000))
rabbitmq_names_port=$((rabbitmq_port - 1303))

rabbitmq_listens() { (exec 3<>"/dev/tcp/127.0.0.1/$rabbitmq_port") 2>/dev/null; }

as_rabbitmq() { echo setpriv --reuid rabbitmq --regid rabbitmq --clear-groups; }

# start_rabbitmq: up and listening. Its data go with the machine: nothing that waits in it is worth keeping.
start_rabbitmq() {
  if is_up rabbitmq && rabbitmq_listens; then return 0; fi
  stop_process rabbitmq
  refuse_taken_port rabbitmq "$rabbitmq_port" TROUPE_RABBITMQ_PORT || return 1
  local folder="$site/rabbitmq"
  install -d -o rabbitmq -g rabbitmq -m 700 "$folder"
  cat >"$folder/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$rabbitmq_port
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 50MB
CONF
  echo '[].' >"$folder/plugins"
  chown rabbitmq:rabbitmq "$folder/rabbitmq.conf" "$folder/plugins"
  echo "Starting RabbitMQ on 127.0.0.1:$rabbitmq_port"
  # Else RabbitMQ starts one that outlives it.
  # shellcheck disable=SC2046 # the words are meant to be several
  is_up epmd || start_process epmd $(as_rabbitmq) epmd -address 127.0.0.1 -port "$rabbitmq_names_port"
  # shellcheck disable=SC2046
  start_process rabbitmq HOME="$folder" RABBITMQ_NODENAME=troupe@localhost RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" RABBITMQ_MNESIA_BASE="$folder/mnesia" RABBITMQ_LOG_BASE="$folder/log" \
    RABBITMQ_DIST_PORT="$rabbitmq_nodes_port" ERL_EPMD_PORT="$rabbitmq_names_port" ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none" \
    $(as_rabbitmq) /usr/lib/rabbitmq/bin/rabbitmq-server
}

await_rabbitmq() { await_process rabbitmq 60 rabbitmq_listens; }
