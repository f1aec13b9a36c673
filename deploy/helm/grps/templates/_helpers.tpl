{{- define "grps.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{/* The name of every object: at most 50 characters, as suffixes follow. */}}
{{- define "grps.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "grps.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "grps.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "grps.selector" -}}
app.kubernetes.io/name: {{ include "grps.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "grps.labels" -}}
{{ include "grps.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end }}

{{- define "grps.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "grps.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "grps.image" -}}
{{- $tag := printf "%s-%s" .Chart.AppVersion .Values.image.variant }}
{{- printf "%s:%s" .Values.image.repository (default $tag .Values.image.tag) }}
{{- end }}

{{- define "grps.hasModels" -}}
{{- if or .Values.models.volume .Values.models.fetch.enabled }}true{{ end }}
{{- end }}

{{/* Whether the project is made of config alone: it is mounted as the folder /project/conf. */}}
{{- define "grps.isWholeProject" -}}
{{- if and .Values.config.inference (or (eq .Values.run.kind "native") (not .Values.run.path)) }}true{{ end }}
{{- end }}

{{/* server.yml: what is given, and the keys of tls, auth and drain; empty if nothing is given. */}}
{{- define "grps.serverYml" -}}
{{- $given := deepCopy .Values.config.server }}
{{- $tls := dict }}
{{- if .Values.tls.secretName }}
{{- $files := dict "cert" "/tls/tls.crt" "key" "/tls/tls.key" }}
{{- if .Values.tls.clientAuth }}
{{- $files = merge $files (dict "client_ca" "/tls/ca.crt" "client_auth" .Values.tls.clientAuth) }}
{{- end }}
{{- $tls = dict "interface" (dict "tls" $files) }}
{{- end }}
{{- $auth := dict }}
{{- if .Values.auth.keysSecretName }}
{{- $auth = dict "auth" (dict "keys_file" "/auth/keys.yml") }}
{{- end }}
{{- if or $given $tls $auth (include "grps.isWholeProject" .) }}
{{- $milliseconds := mul .Values.drain.timeoutSeconds 1000 }}
{{- $drain := dict "limits" (dict "drain_timeout_ms" $milliseconds) }}
{{- mergeOverwrite $given $tls $auth $drain | toYaml }}
{{- end }}
{{- end }}

{{/* Refuse values that can't work together; each text says what to change. */}}
{{- define "grps.check" -}}
{{- $values := .Values }}
{{- $kind := $values.run.kind }}
{{- $server := include "grps.serverYml" . }}
{{- if and (has $kind (list "model" "image")) (or $values.config.inference $server) }}
{{- fail (printf "run.kind is %s, which reads no configuration: config, tls and auth need run.kind project or native" $kind) }}
{{- end }}
{{- if and (eq $kind "model") (not $values.run.path) }}
{{- fail "run.kind is model: set run.path to the model in the container" }}
{{- end }}
{{- if and (eq $kind "project") (not $values.run.path) (not $values.config.inference) }}
{{- fail "run.kind is project: set run.path to the project, or config.inference to its inference.yml" }}
{{- end }}
{{- if and (eq $kind "native") $server (not $values.config.inference) }}
{{- fail "run.kind is native: config.server, tls and auth also need config.inference, as the image's own files are hidden" }}
{{- end }}
{{- if and (eq $kind "image") $values.run.args }}
{{- fail "run.kind is image: run.args would replace the image's command; use run.kind model or project" }}
{{- end }}
{{- if hasKey (default dict $values.config.server.limits) "drain_timeout_ms" }}
{{- fail "config.server.limits.drain_timeout_ms: set drain.timeoutSeconds, which the grace period of the pod follows" }}
{{- end }}
{{- if and $values.tls.clientAuth (not $values.tls.secretName) }}
{{- fail "tls.clientAuth needs tls.secretName" }}
{{- end }}
{{- if and $values.models.fetch.enabled (not $values.models.fetch.image) }}
{{- fail "models.fetch.enabled needs models.fetch.image" }}
{{- end }}
{{- $scaling := $values.autoscaling }}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) }}
{{- fail "autoscaling.minReplicas is greater than autoscaling.maxReplicas" }}
{{- end }}
{{- if and (eq $scaling.kind "hpa") (not $scaling.queueLength) (not $scaling.cpuPercent) }}
{{- fail "autoscaling.kind is hpa: set autoscaling.queueLength or autoscaling.cpuPercent" }}
{{- end }}
{{- if and (eq $scaling.kind "keda") (or (not $scaling.keda.serverAddress) (not $scaling.queueLength)) }}
{{- fail "autoscaling.kind is keda: set autoscaling.keda.serverAddress and autoscaling.queueLength" }}
{{- end }}
{{- end }}
