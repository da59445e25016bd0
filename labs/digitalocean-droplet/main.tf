# One server with a public address, reached by ssh and http from the networks that were asked for. The token comes from the environment (DIGITALOCEAN_TOKEN).

terraform {
  required_version = ">= 1.4"

  required_providers {
    digitalocean = {
      source  = "digitalocean/digitalocean"
      version = "~> 2.75"
    }
  }
}

locals {
  sizes = { small = "s-1vcpu-1gb", large = "s-2vcpu-4gb" }
}

resource "digitalocean_droplet" "host" {
  name       = var.lab
  image      = "ubuntu-24-04-x64"
  region     = var.region
  size       = local.sizes[var.size]
  monitoring = true
  tags       = ["innkeeper", var.lab, "owner:${var.owner}"] # so that it is found when a state is lost
  user_data  = "#cloud-config\n${yamlencode(local.cloud_config)}"

  lifecycle {
    # Read at the first start only. Another operator must not cost a lab its server: keys change by certificate.
    ignore_changes = [user_data, image]
  }
}

# Where the lab stands in the control panel, and on the bill.
resource "digitalocean_project" "lab" {
  name        = var.lab
  description = "A lab of ${var.owner}, made by Innkeeper"
  purpose     = "Web Application"
  environment = "Development"
  resources   = [digitalocean_droplet.host.urn]
}

# Without tags: a firewall's tags say which droplets it is for, and ours share one.
resource "digitalocean_firewall" "host" {
  name        = var.lab
  droplet_ids = [digitalocean_droplet.host.id]

  inbound_rule {
    protocol         = "tcp"
    port_range       = "22"
    source_addresses = var.ssh_from
  }

  inbound_rule {
    protocol         = "tcp"
    port_range       = "80"
    source_addresses = distinct(concat(var.ssh_from, var.web_from))
  }

  dynamic "outbound_rule" {
    for_each = ["tcp", "udp"]

    content {
      protocol              = outbound_rule.value
      port_range            = "1-65535"
      destination_addresses = ["0.0.0.0/0", "::/0"]
    }
  }

  outbound_rule {
    protocol              = "icmp"
    destination_addresses = ["0.0.0.0/0", "::/0"]
  }
}

output "hosts" {
  value = { (var.lab) = digitalocean_droplet.host.ipv4_address }
}

output "address" {
  value = digitalocean_droplet.host.ipv4_address
}

output "url" {
  value = "http://${digitalocean_droplet.host.ipv4_address}/"
}

output "login" {
  value = "ssh lab@${digitalocean_droplet.host.ipv4_address}"
}
