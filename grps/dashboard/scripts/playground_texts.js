// The texts of the playground's responses, in English and in Chinese.

Object.assign(TEXTS.en, {
  waiting_response: "Waiting for the response…", in_service: "{0} ms in the service", label: "Label", score: "Score", position: "Index",
  class_number: "class {0}", row_number: "Row {0}", more_rows: "{0} more rows are in the raw response", show_all: "Show all {0}", raw_size: "Raw response, {0}", download: "Download",
  minimum: "Minimum", maximum: "Maximum", average: "Mean", deviation: "Standard deviation", not_finite: "NaN or infinite", zeros: "Zeros",
  elements: "{0} elements", more_texts: "{0} more texts", no_picture: "The browser can't show this image.", no_sound: "The browser can't play this sound.",
  picture_size: "{0} × {1} pixels", picture_label: "Image in the response", sound_label: "Sound in the response",
  copied_curl: "curl command", copied_python: "Python code", copy_by_hand: "The browser does not allow copying: select the text.", close_copied: "Close",
  advice_400: "Check the input against the description of the model in openapi.json: names, types and shapes.",
  advice_401: "Enter a valid key in the view Logs.", advice_403: "The key does not permit this request: it needs the scope infer.",
  advice_404: "Check the name of the model: grpst model list shows the models that are loaded.",
  advice_413: "Send a smaller input, or increase the limits in server.yml.", advice_429: "Too many requests. Try again later, or increase the limits in server.yml.",
  advice_500: "The code or the engine of the model failed. The log shows the traceback of request {0}.",
  advice_503: "The service can't take requests at present. The head of the page shows why; try again when it is ready.",
  advice_504: "The model took longer than permitted. Send a smaller input, or increase the timeout.",
  advice_no_connection: "Check that the service runs (grpst ps) and that its address is reachable from this browser.", retry_after: "Try again in {0} s.",
});

Object.assign(TEXTS.zh, {
  waiting_response: "正在等待响应…", in_service: "服务内 {0} 毫秒", label: "标签", score: "分数", position: "索引",
  class_number: "类别 {0}", row_number: "第 {0} 行", more_rows: "原始响应中还有 {0} 行", show_all: "显示全部 {0} 个", raw_size: "原始响应，{0}", download: "下载",
  minimum: "最小值", maximum: "最大值", average: "平均值", deviation: "标准差", not_finite: "NaN 或无穷", zeros: "零值",
  elements: "{0} 个元素", more_texts: "另有 {0} 条文本", no_picture: "浏览器无法显示此图片。", no_sound: "浏览器无法播放此音频。",
  picture_size: "{0} × {1} 像素", picture_label: "响应中的图片", sound_label: "响应中的音频",
  copied_curl: "curl 命令", copied_python: "Python 代码", copy_by_hand: "浏览器不允许复制，请手动选择文本。", close_copied: "关闭",
  advice_400: "请对照 openapi.json 中的模型描述，检查输入的名称、类型和形状。",
  advice_401: "请在“日志”视图中输入有效的密钥。", advice_403: "此密钥无权发送该请求：需要权限范围 infer。",
  advice_404: "请检查模型名称：grpst model list 会列出已加载的模型。",
  advice_413: "请发送更小的输入，或增大 server.yml 中的上限。", advice_429: "请求过多。请稍后重试，或增大 server.yml 中的上限。",
  advice_500: "模型的代码或引擎出错。日志中有请求 {0} 的错误堆栈。",
  advice_503: "服务目前不能接收请求。页面顶部显示了原因，请在就绪后重试。",
  advice_504: "模型的耗时超出了允许的范围。请发送更小的输入，或增大超时时间。",
  advice_no_connection: "请检查服务是否在运行（grpst ps），以及此浏览器能否访问其地址。", retry_after: "请在 {0} 秒后重试。",
});
