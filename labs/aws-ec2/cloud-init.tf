# What a server does at its first start.

locals {
  access = {
    ssh_pwauth          = false
    ssh_authorized_keys = var.trusted_ssh_keys
  }

  # Certificates are taken for this lab alone, and never by a host that does not learn which are revoked.
  has_certificates = !contains([var.ssh_ca_public_key, var.krl_public_key, var.innkeeper_url], "")
  certificates = local.has_certificates ? [templatefile("${path.module}/hosts/cloud-init.yaml", {
    innkeeper_url     = var.innkeeper_url
    lab               = var.lab
    ssh_ca_public_key = var.ssh_ca_public_key
    krl_public_key    = var.krl_public_key
    active_url        = var.active_url
    active_token      = var.active_token
    hosts             = "${path.module}/hosts"
  })] : []

  cloud_config = merge(local.access, [for text in local.certificates : yamldecode(text)]...)
}
