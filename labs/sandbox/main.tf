# Hosts on this machine, without a cloud and without a download. Each is a small web server (host.py) on a loopback
# port of its own, which runs until it is destroyed. Who has an ssh certificate also gets a shell there (ssh_server.py),
# and what is deployed there (app/site.yml) runs until the host is destroyed (supervising.py).

terraform {
  required_version = ">= 1.4"
}

variable "lab" {
  type        = string
  description = "Name of the lab. Each host answers with it, and the ports follow from it."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,38}[a-z0-9]$", var.lab))
    error_message = "A lab's name is 3 to 40 small letters, digits and dashes, such as demo."
  }
}

variable "size" {
  type        = string
  default     = "small"
  description = "small is two hosts, large is four."

  validation {
    condition     = contains(["small", "large"], var.size)
    error_message = "The size is small or large."
  }
}

variable "message" {
  type        = string
  default     = "Welcome"
  description = "What each host greets its visitors with."
}

variable "ssh_ca_public_key" {
  type        = string
  default     = ""
  description = "Whose ssh certificates let in, as a line of OpenSSH's. Empty: there is no ssh server."
}

variable "krl_public_key" {
  type        = string
  default     = ""
  description = "Who signs the list of revoked certificates: an ed25519 key, PEM. Empty: the list is taken unsigned."
}

variable "innkeeper_url" {
  type        = string
  default     = ""
  description = "Where the list of revoked certificates is, at /ssh/krl. Empty: there is no ssh server."
}

variable "active_url" {
  type        = string
  default     = ""
  description = "Where a host reports that somebody is logged in. Empty: it does not."
}

variable "active_token" {
  type        = string
  default     = ""
  sensitive   = true
  description = "What it shows there."
}

locals {
  hosts    = { small = 2, large = 4 }[var.size]
  ssh_user = "root" # as in blueprint.yaml

  # Twelve ports for each lab, below those that the system hands out by itself: four of the hosts themselves, four for
  # ssh, four for what is deployed.
  first_port = 20000 + 12 * (parseint(substr(sha256(var.lab), 0, 8), 16) % 1000)

  has_ssh   = var.ssh_ca_public_key != "" && var.innkeeper_url != ""
  ssh_ports = local.has_ssh ? [for host in terraform_data.host : host.output.port + 4] : []
  app_ports = local.has_ssh ? [for host in terraform_data.host : host.output.port + 8] : []
}

# What `GET /private` asks for.
resource "terraform_data" "password" {
  input = sensitive(uuid())

  lifecycle {
    ignore_changes = [input]
  }
}

# A host: its name, its port (that of ssh is four further, that of what is deployed eight) and its folder. To destroy it
# stops whatever was started on it. It is a resource apart from the service because Terraform runs no destroy provisioner
# of a resource whose creation was interrupted.
resource "terraform_data" "host" {
  count = local.hosts

  input = {
    lab    = var.lab
    name   = "${var.lab}-${count.index + 1}"
    port   = local.first_port + count.index
    folder = pathexpand("~/.sandbox")
  }
  triggers_replace = [var.lab]

  lifecycle {
    ignore_changes = [input] # the folder stays where the host was made, whoever plans
  }

  provisioner "local-exec" {
    when    = destroy
    command = "exec \"$${INNKEEPER_PYTHON:-python3}\" -I -S host.py stop"
    environment = {
      HOST     = self.input.name
      PORT     = self.input.port
      SSH_PORT = self.input.port + 4
      FOLDER   = self.input.folder
    }
  }
}

# What runs on a host. To start it again replaces what ran there.
resource "terraform_data" "service" {
  count = local.hosts

  triggers_replace = [
    terraform_data.host[count.index].id,
    var.size,
    var.message,
    [var.ssh_ca_public_key, var.krl_public_key, var.innkeeper_url],
    var.active_url,
  ]

  # Apart from the host, whose environment can be read for as long as it lives.
  provisioner "local-exec" {
    command = "exec \"$${INNKEEPER_PYTHON:-python3}\" -I -S host.py keep"
    environment = {
      HOST         = terraform_data.host[count.index].output.name
      PORT         = terraform_data.host[count.index].output.port
      FOLDER       = terraform_data.host[count.index].output.folder
      ACTIVE_TOKEN = var.active_token
    }
  }

  # Without -S: asyncssh is where that Python keeps its packages.
  provisioner "local-exec" {
    command = "exec \"$${INNKEEPER_PYTHON:-python3}\" -I host.py start"
    environment = {
      LAB      = terraform_data.host[count.index].output.lab
      HOST     = terraform_data.host[count.index].output.name
      PORT     = terraform_data.host[count.index].output.port
      FOLDER   = terraform_data.host[count.index].output.folder
      SIZE     = var.size
      MESSAGE  = var.message
      PASSWORD = nonsensitive(sha256(terraform_data.password.output)) # only its hash leaves the state

      SSH_PORT       = terraform_data.host[count.index].output.port + 4
      SERVICE_PORT   = terraform_data.host[count.index].output.port + 8
      SSH_USER       = local.ssh_user
      SSH_CA         = trimspace(var.ssh_ca_public_key)
      KRL_URL        = var.innkeeper_url == "" ? "" : "${trimsuffix(var.innkeeper_url, "/")}/ssh/krl"
      KRL_PUBLIC_KEY = var.krl_public_key
      ACTIVE_URL     = var.active_url
    }
  }
}

output "address" {
  value = "127.0.0.1"
}

output "port" {
  description = "The first host's."
  value       = terraform_data.host[0].output.port
}

output "urls" {
  value = [for host in terraform_data.host : "http://127.0.0.1:${host.output.port}/"]
}

output "password" {
  description = "For GET /private, with any user name."
  value       = terraform_data.password.output
  sensitive   = true
}

output "ssh" {
  description = "What ssh and sftp take as they are: ssh ssh://root@127.0.0.1:21004."
  value       = [for port in local.ssh_ports : "ssh://${local.ssh_user}@127.0.0.1:${port}"]
}

output "hosts" {
  description = "The same by name, for what is deployed."
  value       = { for index, port in local.ssh_ports : terraform_data.host[index].output.name => "ssh://${local.ssh_user}@127.0.0.1:${port}" }
}

output "app_port" {
  description = "Where the first host's guestbook is, once it is deployed."
  value       = one(slice(local.app_ports, 0, min(1, length(local.app_ports))))
}

output "app_urls" {
  description = "Each host's guestbook."
  value       = [for port in local.app_ports : "http://127.0.0.1:${port}/"]
}

output "ssh_ports" {
  value = local.ssh_ports
}

# A host makes its key when it starts. Its name has the service's id in it (of which nothing is used), so that it is read
# after that.
output "known_hosts" {
  description = "Lines for ~/.ssh/known_hosts: each host's own key."
  value = local.has_ssh ? compact([
    for index, host in terraform_data.host : try(trimspace(file(
      "${host.output.folder}/${host.output.name}${substr(terraform_data.service[index].id, 0, 0)}/known_hosts"
    )), "")
  ]) : []
}
