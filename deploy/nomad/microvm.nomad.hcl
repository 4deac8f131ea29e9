# A guest as a Nomad job with the Docker driver. docs/deployment.md says what to adapt: image, group of /dev/kvm, path
# of the seccomp profile on the clients.
job "microvm" {
  datacenters = ["*"]
  type        = "service"

  constraint {
    attribute = "${attr.cpu.arch}"
    value     = "amd64"
  }

  group "guest" {
    count = 1

    task "microvm" {
      driver = "docker"
      user   = "65532:65532"

      # The task is stopped by SIGTERM, which powers the machine off. `nomad alloc exec` of the stop command
      # in docs/deployment.md shuts the guest down first.
      kill_signal  = "SIGTERM"
      kill_timeout = "30s"

      config {
        image           = "registry.example/microvm:0.1.0"
        args            = ["run", "--name", "guest", "--no-console", "--sandbox", "on", "--memory", "128M"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        group_add       = ["104"]
        pids_limit      = 128
        security_opt    = ["no-new-privileges", "seccomp=/etc/microvm/seccomp.json"]

        devices = [
          {
            host_path          = "/dev/kvm"
            container_path     = "/dev/kvm"
            cgroup_permissions = "rw"
          }
        ]

        mount {
          type   = "tmpfs"
          target = "/tmp"

          tmpfs_options {
            size = 16777216
          }
        }
      }

      # Guest RAM and the bound of docs/resources.md, in MiB; 256 is what an idle machine of 128 MiB needs.
      resources {
        cpu        = 500
        memory     = 256
        memory_max = 704
      }
    }
  }
}
