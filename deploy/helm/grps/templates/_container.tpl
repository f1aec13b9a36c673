{{/* Arguments of the image's entry point, as a list; empty for the image's own command. */}}
{{- define "grps.args" -}}
{{- $port := list "--port" (toString .Values.containerPort) }}
{{- $args := list }}
{{- if eq .Values.run.kind "model" }}
{{- $args = concat (list "serve" .Values.run.path) $port .Values.run.args }}
{{- else if eq .Values.run.kind "project" }}
{{- $files := list }}
{{- if not (include "grps.isWholeProject" .) }}
{{- if .Values.config.inference }}
{{- $files = list "--inference_conf" "/conf/inference.yml" }}
{{- end }}
{{- if include "grps.serverYml" . }}
{{- $files = concat $files (list "--server_conf" "/conf/server.yml") }}
{{- end }}
{{- end }}
{{- $args = concat (list "start" (default "/project" .Values.run.path)) $files $port .Values.run.args }}
{{- else if eq .Values.run.kind "native" }}
{{- $args = concat (list "--project" "/project" "--state_file" "/tmp/grps/my_grps/run/state.json") $port .Values.run.args }}
{{- end }}
{{- if $args }}
{{- toYaml $args }}
{{- end }}
{{- end }}

{{/* The action of a probe: a route, or what works where each client needs a certificate. */}}
{{- define "grps.probe" -}}
{{- if ne .root.Values.tls.clientAuth "required" -}}
httpGet:
  path: /grps/v1/health/{{ .state }}
  port: http
  {{- if .root.Values.tls.secretName }}
  scheme: HTTPS
  {{- end }}
{{- else if eq .state "ready" -}}
exec:
  command: [grps-server, --ready, /tmp/grps/my_grps/run/state.json]
{{- else -}}
tcpSocket: {port: http}
{{- end }}
{{- end }}

{{/* preStop: the pause before SIGTERM. */}}
{{- define "grps.preStop" -}}
{{- $values := .Values }}
{{- if and $values.drain.offline (ne $values.run.kind "native") (ne $values.tls.clientAuth "required") -}}
exec:
  command:
    - python
    - -c
    - |
      import os, ssl, time, urllib.request
      url = "{{ ternary "https" "http" (ne $values.tls.secretName "") }}://127.0.0.1:{{ $values.containerPort }}/grps/v1/health/offline"
      headers = {}
      if token := os.environ.get("GRPS_ADMIN_TOKEN"):
          headers["Authorization"] = "Bearer " + token
      try:
          request = urllib.request.Request(url, headers=headers)
          urllib.request.urlopen(request, timeout=2, context=ssl._create_unverified_context())
      except OSError as error:
          print("offline:", error)
      time.sleep({{ $values.drain.pauseSeconds }})
{{- else -}}
sleep: {seconds: {{ $values.drain.pauseSeconds }}}
{{- end }}
{{- end }}

{{- define "grps.env" -}}
{{- with .Values.adminToken }}
{{- if .secretName }}
- name: GRPS_ADMIN_TOKEN
  valueFrom: {secretKeyRef: {name: {{ .secretName | quote }}, key: {{ .key | quote }}}}
{{- end }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "grps.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if .Values.sharedMemory }}
- {name: shm, mountPath: /dev/shm}
{{- end }}
{{- if include "grps.hasModels" . }}
- name: models
  mountPath: {{ .Values.models.mountPath }}
  readOnly: true
  {{- with .Values.models.subPath }}
  subPath: {{ . }}
  {{- end }}
{{- end }}
{{- if or .Values.config.inference (include "grps.serverYml" .) }}
- name: config
  mountPath: {{ ternary "/project/conf" "/conf" (ne (include "grps.isWholeProject" .) "") }}
  readOnly: true
{{- end }}
{{- if .Values.tls.secretName }}
- {name: tls, mountPath: /tls, readOnly: true}
{{- end }}
{{- if .Values.auth.keysSecretName }}
- {name: auth, mountPath: /auth, readOnly: true}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "grps.volumes" -}}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: {{ .Values.tmp.sizeLimit }}}
{{- with .Values.sharedMemory }}
- name: shm
  emptyDir: {medium: Memory, sizeLimit: {{ . }}}
{{- end }}
{{- if include "grps.hasModels" . }}
- name: models
  {{- toYaml (default (dict "emptyDir" dict) .Values.models.volume) | nindent 2 }}
{{- end }}
{{- if or .Values.config.inference (include "grps.serverYml" .) }}
- name: config
  configMap: {name: {{ include "grps.fullname" . }}}
{{- end }}
{{- with .Values.tls.secretName }}
- name: tls
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- with .Values.auth.keysSecretName }}
- name: auth
  secret: {secretName: {{ . | quote }}}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What is requested and allowed, GPUs included. */}}
{{- define "grps.resources" -}}
{{- $gpus := dict }}
{{- if .Values.gpu.count }}
{{- $gpus = dict "limits" (dict .Values.gpu.resource .Values.gpu.count) }}
{{- end }}
{{- toYaml (mergeOverwrite (deepCopy .Values.resources) $gpus) }}
{{- end }}
