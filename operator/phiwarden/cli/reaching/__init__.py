"""What `kubectl phi reach` looks at: a cluster, or files that describe one."""
