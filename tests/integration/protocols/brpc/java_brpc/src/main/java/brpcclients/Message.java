package brpcclients;

import com.baidu.bjf.remoting.protobuf.FieldType;
import com.baidu.bjf.remoting.protobuf.annotation.Protobuf;

/** What these tests use of GrpsMessage, as jprotobuf describes messages. */
public class Message {
    @Protobuf(fieldType = FieldType.OBJECT, order = 1)
    public Status status;

    @Protobuf(fieldType = FieldType.STRING, order = 2)
    public String model;

    @Protobuf(fieldType = FieldType.BYTES, order = 3)
    public byte[] binData;

    @Protobuf(fieldType = FieldType.STRING, order = 4)
    public String strData;

    /** The outcome of a call. */
    public static class Status {
        @Protobuf(fieldType = FieldType.INT32, order = 1)
        public Integer code;

        @Protobuf(fieldType = FieldType.STRING, order = 2)
        public String msg;

        @Protobuf(fieldType = FieldType.INT32, order = 3)
        public Integer status;
    }

    static Message text(String text) {
        Message message = new Message();
        message.strData = text;
        return message;
    }

    static Message model(String model, String text) {
        Message message = text(text);
        message.model = model;
        return message;
    }

    String status() {
        return status.code + " " + status.msg;
    }
}
